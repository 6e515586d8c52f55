#!/usr/bin/env python3
"""Writes the sample lists into the folder of this file. Running it again changes no byte.

All people are invented: given names joined with trees, stones and rivers.
"""

import csv
import gzip
import io
import uuid
from pathlib import Path

HERE = Path(__file__).parent
HOME = "arn:aws:chime:us-east-1:123456789012:app-instance/5f7c1a9e-0c1d-4b8e-9a52-6d0e3b7f2c41"
GIVEN = """Ada Ben Cleo Dara Emil Fay Gus Hana Ivo June Kofi Lena Milo Nora Otis Pia Quin Rosa Sami Tess
Uma Vito Wren Xavi Yara Zeno Anouk Björn Chloé Dieter Elif Frida""".split()
FAMILY = """Alder Basalt Cedar Dune Elm Flint Granite Hazel Iris Juniper Karst Larch Maple Nettle Oak Pine
Quartz Reed Slate Thorn Umber Vale Willow Yew Zinnia Amber Brook Clay Delta Ember Fjord Grove""".split()
TOPICS = "announcements design events finance garden help kitchen library music news random travel".split()
TEAMS = "atlas borealis comet dune".split()
PLAIN = str.maketrans({"ö": "oe", "é": "e"})


def channel(name):
    return f"{HOME}/channel/{name}"


def person(n):
    """The given and family name of the n-th of 1,024 people."""
    return GIVEN[n % len(GIVEN)], FAMILY[(n // len(GIVEN) + n) % len(FAMILY)]


def user(n):
    """The user id of the n-th person."""
    return ".".join(person(n)).lower().translate(PLAIN)


def write(name, rows, encoding="utf-8", delimiter=",", end="\n"):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    data = text.getvalue().encode(encoding)
    (HERE / name).write_bytes(data)
    return data


def ids():
    data = write("ids.csv", [["user_id"], *([user(n)] for n in range(250))])
    (HERE / "ids.csv.gz").write_bytes(gzip.compress(data, mtime=0))


def channels():
    rows = []
    for n in range(48):
        name = f"{TEAMS[n // 12]}-{TOPICS[n % 12]}"
        # 47 channels of 15 to 95 members, and one of 1,000.
        size = 1000 if n == 24 else 15 + n * 37 % 81
        rows += [[channel(name), user((n * 61 + k) % 1024)] for k in range(size)]
    write("channels.csv", [["channel_arn", "user_id"], *rows])


def slack():
    header = "username,email,status,billing-active,has-2fa,has-sso,userid,fullname,displayname,expiration-timestamp"
    rows = [header.split(",")]
    for n in range(80):
        status = {0: "Primary Owner", 1: "Admin", 2: "Admin"}.get(n, "Member")
        if n % 9 == 8:
            status = "Deactivated"
        elif n % 20 == 19:
            status = "Bot"
        given, family = person(n * 7)
        email = "" if status == "Bot" else f"{user(n * 7)}@example.com"
        active = int(status not in ("Deactivated", "Bot"))
        code = f"U{0x5A17C0DE + n * 7919:09X}"
        rows.append([user(n * 7), email, status, active, n % 2, 0, code, f"{given} {family}", given, ""])
    write("slack-members.csv", rows)


def cognito():
    header = """cognito:username,name,given_name,family_name,middle_name,nickname,preferred_username,profile,picture,
        website,email,email_verified,gender,birthdate,zoneinfo,locale,phone_number,phone_number_verified,address,
        updated_at,cognito:mfa_enabled"""
    rows = [[name.strip() for name in header.split(",")]]
    for n in range(64):
        row = dict.fromkeys(rows[0], "")
        given, family = person(n * 11)
        row["cognito:username"] = uuid.uuid5(uuid.NAMESPACE_DNS, f"{user(n * 11)}.example.com")
        row["name"], row["given_name"], row["family_name"] = f"{given} {family}", given, family
        row["email"] = f"{user(n * 11)}@example.com"
        row["email_verified"] = "false" if n % 8 == 5 else "true"
        # Some addresses contain a line break.
        row["address"] = f"{n + 1} Main Street\nExampletown" if n % 4 == 0 else ""
        row["cognito:mfa_enabled"] = "false"
        rows.append(list(row.values()))
    write("cognito-users.csv", rows)


def excel():
    rows = [["Name", "User ID", "Channel"]]
    rows += [[" ".join(person(n * 3)), user(n * 3), TOPICS[n % 3]] for n in range(45)]
    rows[0][0] = "\ufeff" + rows[0][0]
    write("excel-utf16.txt", rows, encoding="utf-16-le", delimiter="\t", end="\r\n")
    rows = [["Vorname", "Nachname", "Benutzer", "Abteilung"]]
    rows += [[*person(n * 5), user(n * 5), "Küche; Garten" if n % 6 == 0 else "Büro"] for n in range(36)]
    write("excel-semicolon.csv", rows, encoding="windows-1252", delimiter=";", end="\r\n")


def dirty():
    here, other = channel("atlas-help"), channel("atlas-news")
    other_region = HOME.replace("us-east-1", "eu-central-1")
    other_account = HOME.replace("123456789012", "210987654321")
    other_instance = HOME.replace("5f7c1a9e", "00000000")
    ada, ben = user(0), user(1)
    rows = [
        ["channel_arn", "user_id", "membership_type", "sub_channel_id", "what"],
        [here, ada, "", "", "good"],
        [here, f"{HOME}/user/{ben}", "DEFAULT", "", "good"],
        [other, ada, "hidden", "", "good"],
        [here, f"  {user(2)} ", "", "", "good"],
        [here, "fay@example.com", "", "", "good"],
        [here, "eu-central-1:0f3c2d1b", "", "", "good"],
        [here, f"{HOME}/bot/helper", "", "", "good"],
        [here, ada, "", "", "duplicate"],
        [here, ben, "", "", "duplicate"],
        [here, f"{HOME}/user/{ada}", "HIDDEN", "", "duplicate"],
        [here, "", "", "", "invalid: the member is missing"],
        ["", ada, "", "", "invalid: the channel is missing"],
        ["", "", "", "", "invalid: the channel is missing"],
        [here, "auth0|7f2a", "", "", "invalid: `|` cannot stand in a user id"],
        [here, "ada+work@example.com", "", "", "invalid: `+` cannot stand in a user id"],
        [here, "Ada Alder", "", "", "invalid: ` ` cannot stand in a user id"],
        [here, "björn.basalt", "", "", "invalid: `ö` cannot stand in a user id"],
        [here, "ada\nben", "", "", "invalid: `\\n` cannot stand in a user id"],
        [here, "-ada", "", "", "invalid: a user id begins and ends with a letter or digit"],
        [here, "a" * 65, "", "", "invalid: the user id has 65 characters"],
        [here, "arn:aws:chime:us-east-1", "", "", "invalid: not an ARN"],
        [here, "arn:aws:iam::123456789012:user/ada", "", "", "invalid: an ARN of another AWS service"],
        [here, channel("atlas-help"), "", "", "invalid: not the ARN of an app instance user or bot"],
        [here, f"{HOME}/user/ada|alder", "", "", "invalid: `|` cannot stand in a user id"],
        [here, f"{HOME}/user/{'a' * 1600}", "", "", "invalid: the user id has 1600 characters"],
        [here, f"{other_region}/user/{ada}", "", "", "invalid: of another region than the channel"],
        [here, f"{other_account}/user/{ada}", "", "", "invalid: of another account than the channel"],
        [here, f"{other_instance}/user/{ada}", "", "", "invalid: of another app instance than the channel"],
        [f"{HOME}/user/{ada}", ada, "", "", "invalid: not the ARN of a channel"],
        ["atlas-help", ada, "", "", "invalid: a channel's id, but no app instance is given for it"],
        [here, user(3), "VISIBLE", "", "invalid: the type is DEFAULT or HIDDEN"],
        [here, user(3), "", "two words", "invalid: a sub-channel id has 1 to 128"],
        ["invalid: fields: 1, where the header has 5"],
        [here, user(3), "", "", "", "invalid: fields: 6, where the header has 5"],
        [here, user(4), "", "", "good"],
    ]
    write("dirty.csv", rows)


if __name__ == "__main__":
    for make in (ids, channels, slack, cognito, excel, dirty):
        make()
