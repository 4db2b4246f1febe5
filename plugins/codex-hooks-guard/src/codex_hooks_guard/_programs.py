"""What well-known programs do with their arguments.

A program that is in none of these lists is taken to read and to write every file that it is
given, and to run what it is given: whoever adds a name here says that it does less.
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHELLS: Final = _names("sh bash dash zsh ksh mksh ash rbash fish csh tcsh")

NO_FILES: Final = _names(
    "echo printf ls dir tree test [ [[ true false : cd pushd popd pwd mkdir mktemp touch chmod "
    "chown chgrp basename dirname realpath readlink stat which type whereis hash export declare "
    "local readonly typeset unset set shift alias unalias read return exit break continue let "
    "getopts umask ulimit wait jobs fg bg kill pkill killall pgrep ps sleep date cal id whoami "
    "groups hostname uname nproc uptime free df du seq expr bc yes history man help info "
    "apropos tput clear reset stty tty logname lsof netstat ss ping dig nslookup host trap "
    "times getent fd fdfind find locate mlocate plocate mdfind"
)
"""Programs that read and write no content of the files that they are given."""

READERS: Final = _names(
    "cat tac nl head tail more most bat batcat grep egrep fgrep rg ag ack zgrep zcat bzcat "
    "xzcat diff cmp comm diff3 sdiff wc cut paste od hexdump hd strings base32 base64 base58 "
    "basenc md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum shasum jq "
    "column fold fmt pr rev expand unexpand tr join look file source . less uniq"
)
"""Programs that read the files that they are given, and write none of them."""

TAKERS: Final = READERS | _names(
    "sed awk gawk mawk nawk sort xxd cp mv install ln scp rsync tar zip gzip bzip2 xz zstd 7z "
    "cpio dd tee open vi vim nvim nano emacs ed ex view sponge openssl gpg curl wget nc ncat "
    "socat"
)
"""Programs whose business are files: what they are given, if unknown, may be any file."""

EDITORS_IN_PLACE: Final = _names("sed gsed awk gawk mawk nawk")
"""Programs that write to the files that they are given with ``-i`` alone."""

COPIERS: Final = _names("cp install ln scp rsync mv ditto")
"""Programs that read all arguments but the last, and write to the last."""

REMOVERS: Final = _names("rm rmdir unlink shred srm wipe trash trash-put rimraf del del-cli")
"""Programs that take away what they are given."""

CODE_TAKERS: Final = SHELLS | _names(
    "eval trap su script watch ssh xargs env parallel direnv docker podman kubectl tmux screen "
    "expect"
)
"""Programs that are given code: their words with spaces in them are no files, but read as code."""

PATTERN_FIRST: Final = {
    **dict.fromkeys(_names("grep egrep fgrep rg ag ack zgrep"), _names("-e -f --regexp --file")),
    **dict.fromkeys(_names("sed"), _names("-e -f --expression --file")),
    **dict.fromkeys(_names("awk gawk mawk nawk"), _names("-f --file")),
    **dict.fromkeys(_names("jq yq"), _names("-f --from-file")),
}
"""Programs whose first argument is no file, unless one of these options stands in for it."""

NETWORK: Final = _names(
    "curl wget aria2c axel lwp-request GET http https xh httpie fetch ftp sftp tftp nc ncat "
    "netcat socat telnet ssh scp rsync lynx w3m links elinks gsutil s3cmd rclone mosh openssl"
)
"""Programs that speak to the network."""

DOWNLOADERS: Final = _names(
    "curl wget aria2c axel lwp-request GET http https xh httpie fetch ftp tftp nc ncat netcat "
    "socat telnet lynx w3m links elinks ssh"
)
"""Programs that print what the network gave."""

TREE_READERS: Final = _names("tar zip rsync 7z cpio rclone ditto")
"""Programs that read a folder with all that is in it; others need ``-r`` or ``-R``."""

UNPACKERS: Final = {
    "tar": ("-C", "--directory"),
    "unzip": ("-d",),
    "patch": ("-d", "--directory"),
    "stow": ("-t", "--target"),
}
"""Programs that write files of which others say the names, and the options that say where."""

MOVING_OPTIONS: Final = ("--remove-source-files", "--remove-files", "-sdel")
"""Options that make programs remove what they have copied."""

MESSAGES: Final = {
    "git": "-m --message --grep -S -G --author --format --pretty --trailer",
    "gh": "-t --title -b --body -m",
    "hg": "-m --message",
    "svn": "-m --message",
    "docker": "--format --label",
    "npm": "-m --message",
}
"""Options whose value is words for people, no file."""

HARMLESS_GIT: Final = _names("status ls-files check-ignore rm branch remote fetch pull init")
"""Git's subcommands that show no content of the files that they are given."""

DEVELOPER: Final = _names(
    "git gh hub npm npx pnpm yarn bun node deno pip pip3 pipx poetry cargo rustc rustup go "
    "gofmt make cmake ninja meson gradle mvn java javac dotnet docker podman kubectl helm "
    "terraform apt apt-get dpkg yum dnf apk brew pacman snap systemctl service journalctl "
    "pytest ruff mypy black flake8 isort tox nox pre-commit eslint prettier tsc jest vitest "
    "mocha webpack vite gcc g++ clang clang++ ld cc c++ perl python python2 python3 ruby php "
    "lua rspec rake bundle gem code vi vim nvim nano emacs mysql psql sqlite3 redis-cli aws "
    "gcloud az ssh apply_patch applypatch swift xcodebuild codex"
)
"""Programs that do not run the rest of their arguments as a command."""

GLOBAL_VALUES: Final = {
    "git": "-C -c --git-dir --work-tree --namespace --exec-path --super-prefix",
    "docker": "-H --host --context -l --config",
    "kubectl": "-n --namespace --context --kubeconfig",
    "npm": "--prefix -C",
    "pip": "--python --log --proxy --cert",
    "cargo": "-Z --config",
    "codex": "-c --config -m --model -p --profile -C --cd --enable --disable -i --image",
}
"""Options before a subcommand that take a word more."""

SHORT_VALUES: Final = {"git": "mFCcSo"}
"""Short options whose value may touch them, so that no more options follow in the word."""

SETUP_CODE: Final = _names(
    "ssh-agent direnv pyenv rbenv nodenv jenv goenv conda mamba micromamba brew starship zoxide "
    "fnm mise asdf register-python-argcomplete dircolors opam luarocks thefuck fzf keychain "
    "docker-machine minikube"
)
"""Programs that print shell code for ``eval``, made by whoever installed them."""

CODE_VARIABLES: Final = _names(
    "PROMPT_COMMAND GIT_SSH_COMMAND GIT_PROXY_COMMAND GIT_EXTERNAL_DIFF GIT_EDITOR "
    "GIT_SEQUENCE_EDITOR GIT_PAGER GIT_ASKPASS SSH_ASKPASS SUDO_ASKPASS PAGER MANPAGER EDITOR "
    "VISUAL FCEDIT BROWSER LESSOPEN LESSCLOSE RSYNC_RSH"
)
"""Variables whose value some program runs as a command."""

PROMPT_VARIABLES: Final = _names("PS0 PS1 PS2 PS4")
"""Variables in whose value shells carry out substitutions."""

SCRIPT_VARIABLES: Final = _names("BASH_ENV ENV")
"""Variables that name a file that shells run as they start."""

SAYS_LITTLE: Final = _names(
    "nproc whoami hostname uname id wc arch logname tty groups cksum sum df ps pgrep pidof "
    "uptime free getconf tput stat sw_vers lsof jobs date seq du"
) | {
    "git rev-parse",
    "git branch",
    "git describe",
    "git rev-list",
    "git merge-base",
    "git remote",
    "git symbolic-ref",
    "docker ps",
    "docker images",
    "podman ps",
    "go env",
    "brew --prefix",
    "npm root",
    "npm prefix",
    "npm bin",
}
"""Programs, some by a subcommand, whose output is numbers, ids and places that are there anyway."""
