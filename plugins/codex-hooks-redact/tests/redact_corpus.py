"""Labelled samples: text as prompts and tool output hold it, and the secrets in it, if any.

Nothing here is anybody's: keys are drawn from a fixed random sequence in the form of their
vendor, as the text is made, so that this file itself holds none.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Final

_ALPHABETS: Final = {
    "a": string.ascii_letters + string.digits,
    "L": string.ascii_letters,
    "l": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "B": string.ascii_uppercase + "234567",
    "x": string.hexdigits.lower()[:16],
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_-",
    "b": string.ascii_letters + string.digits + "+/",
}

# `<kind length>` stands for that many characters of the kind; `[[…]]` encloses the secret.
_SECRET: Final = r"""
anthropic|ANTHROPIC_API_KEY=[[sk-ant-api03-<w93>AA]]
openai project|export OPENAI_API_KEY="[[sk-proj-<w74>T3BlbkFJ<w74>]]"
openai legacy|openai.api_key = '[[sk-<a20>T3BlbkFJ<a20>]]'
github pat|git clone https://[[ghp_<a36>]]@github.com/acme/shop.git
github fine-grained|GITHUB_TOKEN: [[github_pat_<a22>_<a59>]]
github oauth|the token is [[gho_<a36>]], please try it
github app|Authorization: token [[ghs_<a36>]]
github refresh|"refresh_token": "[[ghr_<a36>]]"
gitlab pat|curl --header "PRIVATE-TOKEN: [[glpat-<w20>]]" https://gitlab.com/api/v4/projects
gitlab runner|gitlab-runner register --token [[glrt-<w20>]]
gitlab deploy|CI_DEPLOY_TOKEN=[[gldt-<w20>]]
slack bot|SLACK_BOT_TOKEN=[[xoxb-<d12>-<d12>-<a24>]]
slack user|slack = WebClient(token="[[xoxp-<d12>-<d12>-<d12>-<x32>]]")
slack app|SLACK_APP_TOKEN=[[xapp-1-A<U10>-<d13>-<x64>]]
slack webhook|curl -d @msg.json [[https://hooks.slack.com/services/T<U8>/B<U10>/<a24>]]
stripe live|STRIPE_KEY=[[sk_live_<a24>]]
stripe restricted|stripe.api_key = "[[rk_live_<a24>]]"
sendgrid|SENDGRID_API_KEY=[[SG.<w22>.<w43>]]
mailgun|MAILGUN_API_KEY=[[key-<x32>]]
mailchimp|mailchimp_api_key: [[<x32>-us14]]
twilio|TWILIO_API_KEY=[[SK<x32>]]
npm|//registry.npmjs.org/:_authToken=[[npm_<a36>]]
pypi|password = [[pypi-AgEIcHlwaS5vcmc<w80>]]
rubygems|:rubygems_api_key: [[rubygems_<x48>]]
crates|cargo login [[cio<a32>]]
docker hub|docker login -u acme -p [[dckr_pat_<w27>]]
huggingface|HF_TOKEN=[[hf_<L34>]]
google api|https://maps.googleapis.com/maps/api/js?key=[[AIzaSy<w33>]]
google oauth|"client_secret": "[[GOCSPX-<w28>]]"
aws pair|AWS_ACCESS_KEY_ID=[[AKIA<B16>]] AWS_SECRET_ACCESS_KEY=[[<b40>]]
aws secret|aws_secret_access_key = [[<b40>]]
aws session pair|export AWS_ACCESS_KEY_ID=[[ASIA<B16>]] AWS_SECRET_ACCESS_KEY=[[<b40>]]
azure storage|DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=[[<b86>==]];Suffix=x
azure client|AZURE_CLIENT_SECRET=[[<a3>8Q~<a34>]]
digitalocean|DIGITALOCEAN_TOKEN=[[dop_v1_<x64>]]
heroku|HEROKU_API_KEY=[[HRKU-AA<w58>]]
databricks|databricks_token: [[dapi<x32>]]
doppler|DOPPLER_TOKEN=[[dp.pt.<a43>]]
vault|VAULT_TOKEN=[[hvs.<w95>]]
terraform|credentials "app.terraform.io" { token = "[[<a14>.atlasv1.<w67>]]" }
linear|LINEAR_API_KEY=[[lin_api_<a40>]]
notion|NOTION_TOKEN=[[ntn_<d11><a35>]]
figma|X-Figma-Token: [[figd_<w40>]]
shopify|SHOPIFY_ACCESS_TOKEN=[[shpat_<x32>]]
square|square_access_token=[[EAAA<w60>]]
discord|DISCORD_BOT_TOKEN=[[MTA<a23>.G<a5>.<w38>]]
telegram|TELEGRAM_TOKEN=[[<d10>:AA<w33>]]
grafana|GRAFANA_TOKEN=[[glsa_<a32>_<x8>]]
grafana cloud|grafana: [[glc_eyJvIjoi<a60>]]
sentry|SENTRY_AUTH_TOKEN=[[sntryu_<x64>]]
new relic|NEW_RELIC_API_KEY=[[NRAK-<U27>]]
postman|POSTMAN_API_KEY=[[PMAK-<x24>-<x34>]]
atlassian|JIRA_TOKEN=[[ATATT3xFfGF0<w173>=<U8>]]
airtable|AIRTABLE_KEY=[[pat<a14>.<x64>]]
pulumi|PULUMI_ACCESS_TOKEN=[[pul-<x40>]]
planetscale|PLANETSCALE_PASSWORD=[[pscale_pw_<w43>]]
perplexity|PERPLEXITY_API_KEY=[[pplx-<a48>]]
groq|GROQ_API_KEY=[[gsk_<a52>]]
replicate|REPLICATE_API_TOKEN=[[r8_<a37>]]
xai|XAI_API_KEY=[[xai-<a80>]]
age|# public key: age1xyz\n[[AGE-SECRET-KEY-1<Q58>]]
supabase|SUPABASE_ACCESS_TOKEN=[[sbp_<x40>]]
prefect|PREFECT_API_KEY=[[pnu_<a36>]]
readme|README_TOKEN=[[rdme_<l70>]]
buildkite|BUILDKITE_TOKEN=[[bkua_<x40>]]
postgres uri|DATABASE_URL=postgres://app:[[<a16>]]@db.internal.acme.io:5432/shop
postgres uri, localhost|postgresql://postgres:[[<a12>]]@localhost/test
mysql uri|mysql://root:[[<a14>]]@10.0.3.7:3306/orders
mongodb uri|mongodb+srv://svc:[[<a18>]]@cluster0.ab1cd.mongodb.net/prod
redis uri|REDIS_URL=redis://:[[<a20>]]@cache.acme.io:6379/0
amqp uri|amqp://worker:[[<a15>]]@mq.acme.io/vhost
jdbc|jdbc:postgresql://db.acme.io/shop?user=app&password=[[<a16>]]
odbc|Server=tcp:sql.acme.io;Database=shop;User ID=app;Password=[[<a16>]];Encrypt=True
ftp uri|wget ftp://deploy:[[<a13>]]@files.acme.io/release.tgz
basic auth uri|curl https://admin:[[<a14>]]@intranet.acme.io/status
curl -u|curl -u admin:[[<a16>]] https://jenkins.acme.io/job/deploy
basic header|Authorization: Basic [[<B64>]]
bearer header|curl -H "Authorization: Bearer [[<a40>]]" https://api.acme.io/v1/me
env password|DB_PASSWORD=[[<a14>]]
env secret|SECRET_KEY=[[<w50>]]
yaml password|  password: "[[<a12>]]"
json password|{"user": "app", "password": "[[<a14>]]"}
python password|conn = connect(host=host, password='[[<a13>]]')
ini passwd|passwd = [[<a12>]]
client secret|client_secret: [[<w40>]]
api key|api_key = "[[<x32>]]"
x-api-key|x-api-key: [[<a40>]]
access token|"access_token": "[[<w43>]]"
netrc|machine api.acme.io login deploy password [[<a16>]]
pgpass|PGPASSWORD=[[<a12>]] psql -h db -U app
mysql -p|mysql -u root --password=[[<a12>]] shop
docker auth|{"auths": {"reg.acme.io": {"auth": "[[<B2,20>]]"}}}
django|SECRET_KEY = 'django-insecure-[[<a42>]]'
prompt in words|my password is [[<a12>]], log in and look
prompt key|use this api key: [[<a32>]]
kubernetes|apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  password: [[<B64>]]
"""

_HARMLESS: Final = r"""
git log|commit <x40>\nAuthor: A <a@acme.io>
short hash|fixed in <x7>, reverted in <x8>
sha256sum|<x64>  dist/shop-1.2.tar.gz
md5sum|<x32>  image.iso
docker digest|FROM python@sha256:<x64>
uuid|request_id=<uuid>
trace id|trace_id=<x32> span_id=<x16>
etag|ETag: "<x32>"
package-lock|"integrity": "sha512-<b86>=="
yarn lock|  resolved "https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz#<x40>"
poetry lock|    {file = "a-1.0-py3-none-any.whl", hash = "sha256:<x64>"},
cargo lock|checksum = "<x64>"
go sum|golang.org/x/net v0.17.0 h1:<b43>=
pip hash|requests==2.32.3 --hash=sha256:<x64>
base64 image|<img src="data:image/png;base64,<b400>==">
base64 font|src: url(data:font/woff2;base64,<b300>)
svg path|<path d="M12.5 3.2L4.8 19.1C7.7 2.2 3.3 8.9 1 1Z"/>
env reference|password = os.environ["DB_PASSWORD"]
env default|api_key: ${API_KEY}
template|password: {{ vault_db_password }}
github secret|token: ${{ secrets.GITHUB_TOKEN }}
placeholder|API_KEY=your-api-key-here
placeholder x|token = "xxxxxxxxxxxxxxxxxxxxxxxx"
placeholder angle|password=<your password>
stars|password: ********
empty|PASSWORD=
null|"password": null
call|password = getpass.getpass()
function|def reset_password(user, token): ...
parameter|password: str | None = None
type|secret: SecretStr
doc|The password must have at least 12 characters.
question|how do I rotate an api key without downtime?
german|Das Passwort bitte nicht weitergeben.
log|INFO token bucket refilled, 32 tokens left
token count|total_tokens=18234 prompt_tokens=1733
css|.token-keyword-operator { color: #a1b2c3 }
ssh fingerprint|SHA256:<b43> deploy@acme (ED25519)
ssh public key|ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI<b43> me@acme
ssh rsa public key|ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ<b300> me@acme
known hosts|github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI<b43>
public key|-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0<b64>\n-----END PUBLIC KEY-----
certificate|-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE<b64>\n<b64>\n-----END CERTIFICATE-----
mac|ether 02:42:ac:11:00:02  txqueuelen 0
ipv6|inet6 fe80::42:acff:fe11:2/64
url id|https://docs.google.com/document/d/<w44>/edit
youtube|https://www.youtube.com/watch?v=<w11>
commit url|https://github.com/acme/shop/commit/<x40>
s3 url|s3://acme-logs/2026/01/<uuid>.gz
uri no password|postgres://db.acme.io:5432/shop
uri user only|ssh://git@github.com/acme/shop.git
uri variable|postgres://app:${DB_PASSWORD}@db/shop
uri placeholder|postgres://user:password@localhost/db
nix store|/nix/store/<l32>-python3-3.12.4/bin/python3
temp path|/tmp/tmp<l8>/pytest-of-me/pytest-<d2>
hex dump|00000010  7f 45 4c 46 02 01 01 00  00 00 00 00 00 00 00 00
stack|  File "/app/auth/password.py", line 88, in check_password
test name|tests/test_token.py::test_expired_token_is_refused PASSED
diff|@@ -12,7 +12,7 @@ class TokenStore:
public stripe|publishable key: pk_test is what the docs call it
jwt word|JWT header.payload.signature, base64url encoded
numbers|3.14159265358979 2.71828182845904
phone|call +1 555 0100 extension 1234
lorem|lorem ipsum dolor sit amet consectetur adipiscing elit
camel|class AuthenticationTokenProviderFactoryBuilderImpl
constant|MAX_TOKEN_LENGTH = 4096
enum|TokenKind.IDENTIFIER
keyword arg|Field(alias="password", repr=False)
sql|SELECT id, password_hash FROM users WHERE email = $1
route|POST /api/v1/users/<uuid>/reset-password
html|<input type="password" name="password" autocomplete="current-password">
help|  --password TEXT  Password of the database  [env: DB_PASSWORD]
model id|claude-sonnet-4-5-20250929 gpt-5.5 text-embedding-3-large
build id|x-request-id: req_<a24>
turn id|thread 019a<x4>-<x4>-7<x3>-8<x3>-<x12> loaded
placeholder masked|token = ghp_************************************
ellipsis|OPENAI_API_KEY=sk-...
changeme words|the default password is changeme
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and the secrets that it holds; none for a harmless one."""

    name: str
    text: str
    secrets: tuple[str, ...] = ()


@cache
def corpus() -> tuple[Sample, ...]:
    """Return every sample, the same each time."""
    draw = random.Random(20)  # made up on purpose, and the same on every machine
    samples = [_sample(line, draw) for line in (_SECRET + _HARMLESS).strip().splitlines() if line]
    return (*samples, *_structured(draw))


def _sample(line: str, draw: random.Random) -> Sample:
    name, _, template = line.partition("|")
    filled = re.sub(r"<(uuid|[a-zA-Z])([\d,]*)>", lambda match: _fill(match, draw), template)
    filled = filled.replace("\\n", "\n")
    secrets = tuple(re.findall(r"\[\[(.+?)\]\]", filled))
    return Sample(name, filled.replace("[[", "").replace("]]", ""), secrets)


def _fill(match: re.Match[str], draw: random.Random) -> str:
    kind, length = match[1], match[2]
    if kind == "uuid":
        return str(uuid.UUID(int=draw.getrandbits(128), version=4))
    if match[0] == "<B64>":
        user = "".join(draw.choices(_ALPHABETS["a"], k=14))
        return base64.b64encode(f"admin:{user}".encode()).decode()
    if match[0] == "<B2,20>":
        user = "".join(draw.choices(_ALPHABETS["a"], k=20))
        return base64.b64encode(f"bot:{user}".encode()).decode()
    if kind == "Q":
        return "".join(draw.choices("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", k=int(length)))
    return "".join(draw.choices(_ALPHABETS[kind], k=int(length)))


def _structured(draw: random.Random) -> list[Sample]:
    """Samples that need more than a template: keys in blocks, signed and encoded ones."""

    def letters(kind: str, length: int) -> str:
        return "".join(draw.choices(_ALPHABETS[kind], k=length))

    samples = []
    for name in ("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"):
        lines = "\n".join(letters("b", 64) for _ in range(12))
        block = f"-----BEGIN {name}-----\n{lines}\n-----END {name}-----"
        samples.append(Sample(name.lower(), f"$ cat key\n{block}\n$", (lines,)))
    body = "\n".join(letters("b", 64) for _ in range(6))
    pem = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    account = json.dumps({"type": "service_account", "project_id": "acme", "private_key": pem})
    samples.append(Sample("google service account", account, (json.dumps(body)[1:-1],)))
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    for name, where in (
        ("jwt", "{}"),
        ("jwt cookie", "Set-Cookie: session={}; HttpOnly"),
        ("jwt bearer", "Authorization: Bearer {}"),
    ):
        claims = base64.urlsafe_b64encode(f'{{"sub":"{letters("d", 9)}","n":1}}'.encode())
        token = f"{header}.{claims.decode().rstrip('=')}.{letters('w', 43)}"
        samples.append(Sample(name, where.format(token), (token,)))
    encoded = base64.b64encode(f"ghp_{letters('a', 36)}".encode()).decode()
    samples.append(Sample("encoded github pat", f"echo {encoded} | base64 -d", (encoded,)))
    big = base64.b64encode(draw.randbytes(3000)).decode()
    samples.append(Sample("encoded file", f'{{"content": "{big}", "encoding": "base64"}}'))
    minified = "".join(f"function {letters('l', 1)}(t){{return t+{i}}}" for i in range(200))
    samples.append(Sample("minified script", minified))
    return samples
