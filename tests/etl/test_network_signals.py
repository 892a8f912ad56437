import tomllib

import pytest
from jsonschema import Draft202012Validator

from etl.network import NetworkError, check_network, load_network
from etl.settings_schema import network_schema
from etl.sound import load_sound
from tests.etl.drops import ENVIRON, write_network

SIGNALS = """
[signals]
host = "smtp.example.org"
sender = "pocnet@example.org"
recipients = ["quality@example.org", "lead@example.org"]
link = "https://pocnet.example.org/"
user = { env = "MAIL_USER" }
password = { env = "MAIL_PASSWORD" }
"""
ACCOUNT = {"MAIL_USER": "pocnet", "MAIL_PASSWORD": "s3same-0pen"}


def written(tmp_path, signals=SIGNALS):
    folder = write_network(tmp_path / "network")
    with (folder / "network.toml").open("a", encoding="utf-8") as file:
        file.write(signals)
    return folder


def test_whom_to_tell_is_read_with_the_account_from_the_environment(tmp_path):
    mail = load_network(written(tmp_path), ENVIRON | ACCOUNT).mail
    assert mail.to.recipients == ("quality@example.org", "lead@example.org")
    assert (mail.to.port, mail.account) == (587, ("pocnet", "s3same-0pen"))
    assert "s3same" not in repr(mail)


def test_nobody_is_told_anything_unless_it_is_asked_for(tmp_path):
    assert load_network(written(tmp_path, ""), ENVIRON).mail is None


def test_a_pull_that_leaves_a_wrong_site_out_still_knows_whom_to_tell(tmp_path):
    folder = written(tmp_path)
    (folder / "sites" / "beta.toml").write_text("[site]\n")
    sound = load_sound(folder, ENVIRON | ACCOUNT)
    assert sound.problems
    assert sound.network.mail.account == ("pocnet", "s3same-0pen")


@pytest.mark.parametrize(
    ("right", "wrong", "key", "said"),
    [
        ("host = ", "prot = 25\nhost = ", "signals.prot", 'mean "port"'),
        ('"quality@example.org", "lead@example.org"', "", "signals.recipients", "item"),
        ("quality@", "quality ", "signals.recipients[1]", "not written as expected"),
        ("https://", "", "signals.link", "not written as expected"),
        ('{ env = "MAIL_USER" }', '"pocnet"', "signals.user", "must be a table"),
        ('user = { env = "MAIL_USER" }', "", "signals", "user and password, or"),
        (
            '{ env = "MAIL_PASSWORD" }',
            '"hunter2"',
            "signals.password",
            "must not stand",
        ),
        ("MAIL_PASSWORD", "MAIL_PASSWROD", "signals.password", "MAIL_PASSWROD is not"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_never_with_a_secret(
    tmp_path, right, wrong, key, said
):
    text = SIGNALS.replace(right, wrong, 1)
    folder = written(tmp_path, text)
    (problem,) = check_network(folder, ENVIRON | ACCOUNT)
    assert (problem.file, problem.key) == ("network.toml", key)
    assert said in problem.message
    assert "hunter2" not in str(problem)
    name = key.removeprefix("signals").strip(".").partition("[")[0]
    there = (folder / "network.toml").read_text().splitlines()[problem.line - 1]
    assert there.startswith(name or "[signals]")
    with pytest.raises(NetworkError):
        load_network(folder, ENVIRON | ACCOUNT)


def test_an_editor_is_told_that_user_and_password_go_together():
    schema = network_schema()
    rules = {**schema["$defs"]["Signals"], "$defs": schema["$defs"]}
    table = tomllib.loads(SIGNALS)["signals"]
    assert not list(Draft202012Validator(rules).iter_errors(table))
    (error,) = Draft202012Validator(rules).iter_errors(
        {name: value for name, value in table.items() if name != "user"}
    )
    assert "'user' is a dependency of 'password'" in error.message
