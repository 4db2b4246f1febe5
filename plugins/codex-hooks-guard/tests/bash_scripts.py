"""Made-up shell scripts around one command, ``probe``, for a real bash and for the guard alike."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LITERALS = st.text("abe.-/_ ", min_size=1, max_size=4)
PLAIN = st.text("abe._", min_size=1, max_size=4)
NAMES = ("X", "Y", "Z")


def _formed(form: str, *parts: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: form.format(*given))


VARIABLES = st.sampled_from(NAMES)
PIECES = st.one_of(
    PLAIN,
    LITERALS.map(shlex.quote),
    _formed('"{}"', LITERALS),
    PLAIN.map(lambda text: "".join(f"\\{char}" for char in text)),
    PLAIN.map(lambda text: "$'" + "".join(f"\\x{ord(char):02x}" for char in text) + "'"),
    PLAIN.map(lambda text: "$'" + "".join(f"\\{ord(char):03o}" for char in text) + "'"),
    _formed("${}", VARIABLES),
    _formed('"${}"', VARIABLES),
    _formed("${{{}}}", VARIABLES),
    _formed("${{{}:-{}}}", VARIABLES, PLAIN),
    _formed("${{{}-{}}}", VARIABLES, PLAIN),
    _formed("${{{}:+{}}}", VARIABLES, PLAIN),
    _formed("${{{}:={}}}", VARIABLES, PLAIN),
    _formed("${{{}%{}}}", VARIABLES, PLAIN),
    _formed("${{{}%%{}*}}", VARIABLES, PLAIN),
    _formed("${{{}#{}}}", VARIABLES, PLAIN),
    _formed("${{{}##*{}}}", VARIABLES, PLAIN),
    _formed("${{{}/{}/{}}}", VARIABLES, PLAIN, PLAIN),
    _formed("${{{}//{}/}}", VARIABLES, PLAIN),
    _formed("${{{}:{}}}", VARIABLES, st.sampled_from("012")),
    _formed("${{{}:{}:{}}}", VARIABLES, st.sampled_from("012"), st.sampled_from("012")),
    _formed("${{{}^^}}", VARIABLES),
    _formed("${{#{}}}", VARIABLES),
    st.just("${!R}"),
    st.just("${A[1]}"),
    st.just('"${A[@]}"'),
    st.just('"$@"'),
    st.just("$*"),
    st.just("$2"),
    st.just("$#"),
    _formed("$(echo {})", LITERALS),
    _formed("`echo {}`", PLAIN),
    _formed('"$(printf %s {})"', PLAIN),
    _formed("$(printf '%s-%s' {} {})", PLAIN, PLAIN),
    _formed("$(cat <<< {})", PLAIN),
    _formed("$(basename /x/{})", PLAIN),
    _formed("$(dirname {}/x)", PLAIN),
    _formed("$(echo {} | tr a b)", PLAIN),
    _formed("{{{},{}}}", PLAIN, PLAIN),
    _formed("{{{},{},}}", PLAIN, PLAIN),
    st.just("$((1+2))"),
    st.just("{1..3}"),
    st.just("~"),
    st.just("*"),
    st.just("[ab]?"),
)
WORDS = st.lists(PIECES, min_size=1, max_size=3).map("".join)

SETTINGS = st.one_of(
    _formed("{}={}", VARIABLES, WORDS),
    _formed("{}+={}", VARIABLES, WORDS),
    _formed("export {}={}", VARIABLES, WORDS),
    _formed("declare {}={}", VARIABLES, WORDS),
    _formed('read {} <<< "{}"', VARIABLES, LITERALS),
    _formed("read -r {} {} <<< {}", VARIABLES, VARIABLES, WORDS),
    _formed("printf -v {} %s {}", VARIABLES, WORDS),
    _formed("unset {}", VARIABLES),
    _formed("A=({} {})", WORDS, WORDS),
    _formed("A+=({})", WORDS),
    _formed("A[1]={}", WORDS),
    _formed("set -- {} {}", WORDS, WORDS),
    st.just("shift"),
    _formed("R={}", VARIABLES),
    _formed("true && {}={}", VARIABLES, WORDS),
    _formed("false || {}={}", VARIABLES, WORDS),
    _formed("if true; then {}={}; else {}=b; fi", VARIABLES, WORDS, VARIABLES),
    _formed("for {} in {} {}; do :; done", VARIABLES, WORDS, WORDS),
    _formed("case a in a) {}={};; esac", VARIABLES, WORDS),
    _formed("f() {{ {}=$1; }}; f {}", VARIABLES, WORDS),
    _formed("eval {}=\\\\{}", VARIABLES, PLAIN),
    _formed("({}={})", VARIABLES, WORDS),
    _formed("IFS=. read {} {} <<< {}", VARIABLES, VARIABLES, PLAIN),
)
PROBES = st.one_of(
    _formed("probe {}", WORDS),
    _formed("probe {} {}", WORDS, WORDS),
    _formed("for {} in {} {}; do probe ${}; done", VARIABLES, WORDS, WORDS, VARIABLES),
    _formed("while read -r {}; do probe ${}; done <<< {}", VARIABLES, VARIABLES, WORDS),
    _formed('f() {{ probe "$@" $1; }}; f {} {}', WORDS, WORDS),
    _formed("echo {} | xargs probe", PLAIN),
    _formed("xargs -I@ probe a@b <<< {}", PLAIN),
    _formed("x() {{ local v={}; probe $v; }}; x", WORDS),
    _formed("env V={} bash -c 'probe \"$V\"'", WORDS),
    _formed("bash -c 'probe \"$1\" $0' {} {}", WORDS, WORDS),
    _formed("eval probe {}", PLAIN),
    _formed("command probe {}", WORDS),
    _formed("P=probe; $P {}", WORDS),
    _formed("probe > /dev/null {}", WORDS),
    _formed("true | probe {} 2>&1", WORDS),
    _formed("probe $(probe {})", WORDS),
    _formed("cat <<E\n$(probe {})\nE", WORDS),
)
SCRIPTS = st.tuples(st.lists(SETTINGS, max_size=4), PROBES).map(
    lambda given: "\n".join(("R=X", *given[0], given[1]))
)
