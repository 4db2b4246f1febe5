from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kingfisher_sdk
import pytest

from codex_hooks_redact import RedactionError, Redactor, _detector, redact
from redact_corpus import corpus

KEY = "k3yTr0mb0neQ7"
PAT = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"


def test_no_more_is_missed_and_no_more_is_taken_for_a_secret_than_the_readme_says() -> None:
    missed, false_alarms = [], []
    for sample in corpus():
        result = redact(sample.text)
        if any(secret in result.text for secret in sample.secrets):
            missed.append(sample.name)
        if result.found and not sample.secrets:
            false_alarms.append(sample.name)
    assert missed == ["crates", "jdbc"]
    assert false_alarms == ["uri placeholder"]
    assert len(corpus()) >= 150


def test_what_was_redacted_is_left_as_it_is_the_second_time() -> None:
    """K3: a hook with recheck=True has to be idempotent."""
    for sample in corpus():
        once = redact(sample.text)
        assert redact(once.text) == (once.text, ())


def test_the_same_secret_has_the_same_placeholder_and_another_has_another() -> None:
    one, two = redact(f"password={KEY}"), redact(f"take {PAT} and also token: {KEY}")
    assert one.found[0].placeholder.split()[-1] in two.text
    assert len({item.placeholder for item in two.found}) == 2
    assert KEY not in two.text
    assert PAT not in two.text


def test_a_placeholder_says_nothing_about_the_secret_to_another_process() -> None:
    code = f"from codex_hooks_redact import redact; print(redact('password={KEY}').text)"
    there = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    texts = {done.stdout.strip() for done in there} | {redact(f"password={KEY}").text}
    assert len(texts) == 3
    assert not any(KEY in text for text in texts)


def test_a_secret_that_was_recognised_once_is_masked_wherever_it_stands() -> None:
    result = redact(f"password={KEY}\nlater the log says just {KEY} without a word about it")
    assert KEY not in result.text
    assert len(result.found) == 1


def test_the_text_around_a_secret_stays_as_it_was_in_every_script() -> None:
    for before, after in (
        ("pässword für dich: ", " — ça va 🙂"),
        ("\ufeff", "\x00"),
        ("\ud800", ""),
    ):
        result = redact(f"{before}{PAT}{after}")
        assert result.text == f"{before}{result.found[0].placeholder}{after}"


def test_a_text_that_posed_as_a_placeholder_hides_no_secret() -> None:
    for text in (f"[redacted {PAT} 000000000000]", f"[redacted github-pat {PAT}]"):
        assert PAT not in redact(text).text


def test_what_cannot_be_pointed_at_hides_the_whole_text() -> None:
    """The scanner reads UTF-16 too, and its places are then those of another text."""
    wide = "".join(f"{char}\0" for char in f"x {PAT} y")
    assert redact(wide).text == redact(wide).found[0].placeholder


def test_an_encoded_secret_is_masked_in_its_encoding() -> None:
    encoded = base64.b64encode(f"token {PAT}".encode()).decode()
    assert encoded not in redact(f"echo {encoded}").text


def test_nested_json_is_walked_with_its_keys() -> None:
    value = {
        "user": "app",
        "password": KEY,
        "rows": [["a", 1, None, True, 2.5], {"deep": [{"note": f"it is {PAT}"}]}],
        PAT: "a secret may even be a key",
    }
    result = Redactor().redact_json(value)
    assert set(result.value) == {"user", "password", "rows", redact(PAT).text}
    assert result.value["user"] == "app"
    assert result.value["rows"][0] == ["a", 1, None, True, 2.5]
    assert KEY not in str(result)
    assert PAT not in str(result)


def test_keys_that_are_no_strings_stay_and_what_is_no_json_is_refused() -> None:
    value = {1: f"password={KEY}", None: {2.5: "x"}, "password": [KEY]}
    masked = Redactor().redact_json(value).value
    assert list(masked) == [1, None, "password"]
    assert masked[None] == {2.5: "x"}
    assert KEY not in str(Redactor().redact_json({7: {8: f"password={KEY}"}}).value)
    for strange, name in ((b"x", "bytes"), ({"a": {KEY}}, "set"), ({("a",): 1}, "tuple")):
        with pytest.raises(RedactionError, match=name):
            Redactor().redact_json(strange)


def test_a_value_without_secrets_comes_back_as_the_very_same() -> None:
    value = {"output": "all well", "lines": ("a", "b")}
    assert Redactor().redact_json(value).value is value


def test_a_password_without_its_name_is_not_found() -> None:
    """The control of the walk: it is the key that gives the value away."""
    assert Redactor().redact_json({"colour": KEY}).found == ()


def test_a_secret_that_reaches_over_two_strings_is_masked_in_both() -> None:
    draw = random.Random(3)
    body = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyzABCDEF0123", k=64)) for _ in range(8)]
    lines = ["-----BEGIN RSA PRIVATE KEY-----", *body, "-----END RSA PRIVATE KEY-----"]
    assert not any(line in redact("\n".join(lines)).text for line in body)


@pytest.mark.parametrize(
    "unit", ["words and words 12345\n", "f00dfeed", "QUJD", "[redacted ", "=\n"]
)
def test_ten_megabytes_are_looked_through_within_the_deadline(unit: str) -> None:
    big = (unit * (10_000_000 // len(unit)))[:10_000_000]
    assert redact(big) == (big, ())
    assert PAT not in redact(f"{big}\n{PAT}\n").text


def test_ten_megabytes_full_of_secrets_are_masked() -> None:
    lines = "".join(f"password={KEY}{number:07d}\n" for number in range(330_000))
    result = Redactor(timeout=20).redact(lines)
    assert KEY not in result.text
    assert len(result.found) == 330_000


def test_what_takes_too_long_or_is_too_much_is_an_error_and_never_a_pass() -> None:
    with pytest.raises(RedactionError, match="raise max_bytes"):
        Redactor(max_bytes=10).redact("more than ten bytes")
    with pytest.raises(RedactionError, match="raise scan_timeout"):
        Redactor(timeout=1e-9).redact("x" * 10_000_000)


def test_a_rule_of_ones_own_is_followed_and_an_unwanted_one_ignored(tmp_path: object) -> None:
    from pathlib import Path

    rules = Path(str(tmp_path)) / "acme.yml"
    rules.write_text(
        "rules:\n  - name: Acme\n    id: acme.badge\n    pattern: '\\b(ACME-[0-9]{6})\\b'\n"
        "    min_entropy: 0\n    confidence: medium\n    examples: [ACME-123456]\n"
    )
    own = Redactor(rules=[str(rules)])
    assert own.redact("badge ACME-123456").found[0].kind == "acme.badge"
    assert redact("badge ACME-123456").found == ()
    assert Redactor(ignore=["betterleaks.github-pat"]).redact(PAT).found == ()
    with pytest.raises(RedactionError, match="ignore names rules that there are not: gihtub"):
        Redactor(ignore=["gihtub"]).redact("x")
    with pytest.raises(RedactionError, match="cannot be started"):
        Redactor(rules=[str(rules.with_name("gone.yml"))]).redact("x")


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"body": json.dumps({"password": KEY})}),
        json.dumps({"a": json.dumps({"b": json.dumps({"password": KEY})})}),
        f"<password>{KEY}</password>",
        f"db:\n  password: >-\n    {KEY}\n",
        f"password=\x1b[31m{KEY}\x1b[0m",
        f"DB_PASSWORD={KEY}$\nX=1$",
        json.dumps([{"name": "DB_PASSWORD", "value": KEY}]),
        json.dumps(json.dumps({"key": "api-token", "value": KEY})),
        f"env:\n  - name: DB_PASSWORD\n    value: {KEY}\n",
    ],
)
def test_a_secret_is_found_in_what_it_is_wrapped_in(text: str) -> None:
    """Nested JSON of MCP tools, XML, colours, `cat -A`, the environment of containers."""
    assert KEY not in redact(text).text
    assert redact(text.replace(KEY, "none")).found == ()


def test_a_name_and_its_value_are_found_in_structured_output() -> None:
    value = {"env": [{"name": "DB_PASSWORD", "value": KEY}, {"name": "USER", "value": "dev"}]}
    masked = Redactor().redact_json(value)
    assert KEY not in str(masked.value)
    assert masked.value["env"][1] == {"name": "USER", "value": "dev"}


def lines_of_key(kind: str = "PRIVATE") -> list[str]:
    body = base64.b64encode(random.Random(5).randbytes(400)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return [f"-----BEGIN {kind} KEY-----", *lines, f"-----END {kind} KEY-----"]


@pytest.mark.parametrize("part", [slice(None), slice(0, 4), slice(-4, None)])
def test_the_first_and_the_last_lines_of_a_private_key_are_masked_too(part: slice) -> None:
    """As `head` and `tail` give them; the control is a public key."""
    shown = lines_of_key()[part]
    left = redact("\n".join(shown)).text
    assert not any(line in left for line in shown if "-----" not in line)
    assert redact("\n".join(lines_of_key("PUBLIC")[part])).found == ()


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\\n"])
def test_base64_over_several_lines_is_looked_into(break_: str) -> None:
    """As `base64 .env` prints it; the control holds no secret."""
    lines = "".join(f"NAME_{number}=value of no interest\n" for number in range(9))

    def wrapped(text: str) -> str:
        encoded = base64.b64encode(text.encode()).decode()
        return break_.join(encoded[at : at + 76] for at in range(0, len(encoded), 76))

    hidden = wrapped(f"{lines}TOKEN={PAT}\n{lines}")
    result = redact(f"before {hidden} after")
    assert [item.kind for item in result.found] == ["github-pat"]
    assert result.text == f"before {result.found[0].placeholder} after"
    assert redact(f"before {wrapped(lines)} after").found == ()


def test_those_who_come_at_once_wait_for_one_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling the rules takes long: not in each thread."""
    made: list[object] = []
    together = threading.Barrier(4)

    def scanner() -> object:
        together.wait()
        return _detector._scanner(())[0]

    def make(catalogue: object) -> object:
        made.append(catalogue)
        return object()

    monkeypatch.setattr(kingfisher_sdk, "Scanner", make)
    _detector._made.cache_clear()
    try:
        with ThreadPoolExecutor(4) as pool:
            found = [future.result() for future in [pool.submit(scanner) for _ in range(4)]]
    finally:
        _detector._made.cache_clear()
    assert len(made) == len(set(found)) == 1


def test_no_rule_counts_so_far_that_it_takes_long_to_compile() -> None:
    """A count of up to 16,384 made ten times as long of the four seconds of a first run."""
    rules = Path(_detector.__file__).with_name("rules.yml").read_text(encoding="utf-8")
    counts = re.findall(r"\{\d+,(\d+)\}", rules)
    assert max(map(int, counts)) <= 4096
