"""What columns hold: by check digits, by shape, by name, by where they map to; what nothing speaks for is the strictest."""

import json
import sys

import pytest
from stdnum import get_cc_module, luhn
from tests import commands

from steelthread.intake import classify, label_of
from steelthread.model import load_model

MODEL = load_model()
IBANS = ["GB33BUKB20201555555555", "DE75512108001245126199", "FR7630006000011234567890189"]


def cards(count):
    stems = (f"41111111{number:07d}" for number in range(count))
    return [stem + luhn.calc_check_digit(stem) for stem in stems]


def told(header, values):
    (found,) = classify([header], [[value] for value in values], None, MODEL)
    return found


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (IBANS * 3, "user.financial.bank_account"),
        (cards(20), "user.financial.credit_card"),
        (["943 476 5919", "9434765919"] * 6, "user.health_and_medical.record_id"),
        (["54362315K"] * 9, "user.government_id.national_identification_number"),
        (["QQ123456C".replace("QQ", "AB"), "CE 12 34 56 A"] * 5, "user.government_id.national_identification_number"),
        (["RCCMNL83S18D969H"] * 9, "user.government_id.national_identification_number"),
        (["390.533.447-05"] * 9, "user.government_id.national_identification_number"),
        (["536-90-4399", "123-45-6789"] * 5, "user.government_id.national_identification_number"),
        (["ann@example.com", "bob@example.org"] * 5, "user.contact.email"),
        (["+44 20 7946 0958", "(020) 7946 0999"] * 5, "user.contact.phone_number"),
        (["192.0.2.1", "2001:db8::1"] * 5, "user.device.ip_address"),
        (["51.50735", "-0.12776"] * 5, "user.location.precise"),
        (["01a21638-0dda-702b-a336-171de6f5cdfe"] * 9, "user.unique_id.pseudonymous"),
        (["called, mail ann@example.com", "likes tea", "likes oat milk"] * 4, "user.content.private"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_values_tell_whatever_the_header_says(values, label):
    assert told("field7", values).label == label
    assert told("field7", values).confidence in ("high", "low" if label == "user.content.private" else "high")


def test_a_check_digit_that_fits_by_chance_is_not_believed():
    wrong = [one[:-1] + str((int(one[-1]) + 1) % 10) for one in cards(30)]
    assert told("field7", wrong).label != "user.financial.credit_card"
    numbers = [f"{number:09d}" for number in range(100000001, 100000400)]
    assert told("order_id", numbers).label == "user.behavior.purchase_history"
    assert told("row", [str(one) for one in range(300)]).label == ""
    assert told("field7", IBANS[:1]).confidence == "low", "one value alone"
    assert told("iban", IBANS[:1]).confidence == "high", "its name agrees"
    assert get_cc_module("nl", "bsn").is_valid("111222333")


def test_what_nothing_speaks_for_is_unlabelled_and_the_strictest():
    found = told("zq", ["x1", "y2"])
    assert (found.label, found.privacy, found.confidence) == ("", "special", "none")
    assert "sealed" in found.warning


def test_headers_tell_in_several_languages():
    labels = {
        name: told(name, []).label for name in ("Geburtsdatum", "Vorname", "Nachname", "PLZ", "Telefonnummer", "E-Mail")
    }
    assert labels == {
        "Geburtsdatum": "user.demographic.date_of_birth", "Vorname": "user.name.first", "Nachname": "user.name.last",
        "PLZ": "user.contact.address.postal_code", "Telefonnummer": "user.contact.phone_number", "E-Mail": "user.contact.email",
    }  # fmt: skip


def test_no_attribute_that_identifies_or_is_special_is_taken_for_less():
    weak = {"indirect", "none"}
    for entity in MODEL.entities.values():
        for one in entity.attributes.values():
            label = label_of(one)
            if one.privacy == "special" and label:
                assert told(one.name, []).privacy not in weak or label == "user.demographic.profile", one.name


def test_a_mapping_that_protects_too_little_is_told(space, load):
    rows = "".join(f"{number},Ann,{card}\n" for number, card in enumerate(cards(12)))
    load("crm", "customer_id,first_name,shirt\n" + rows)
    mapping = space.project.sources / "crm.yaml"
    mapping.write_text(
        mapping.read_text().replace("firstName: first_name", "firstName: first_name\n      genderId: shirt", 1)
    )

    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
        return json.loads(commands.run(command, text=True, check=True).stdout)

    found = {one["column"]: one for one in run("classify", "crm")}
    assert found["shirt"]["label"] == "user.financial.credit_card"
    assert "Individual.genderId is indirect" in found["shirt"]["warning"]
    assert found["first_name"].get("warning", "") == ""
    assert any("shirt" in one for one in run("source", "preview", "crm")["warnings"])
    assert "4111" not in json.dumps(found)
