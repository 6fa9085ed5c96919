"""The API behind the front door answers as its schema says; tests/scenarios/operations asks it more."""

import contract


def test_every_answer_is_one_of_the_schema(public_url, authorization, cluster, manage, tmp_path):
    certificate = cluster.secrets_authorities["services"]["certificate"]
    options = ("--phases", "coverage,fuzzing", "--max-examples", "15")
    try:
        run = contract.schemathesis(public_url, authorization, certificate, tmp_path, *options)
    finally:
        manage(contract.REMOVE)
    assert run.status == 0, run.output
    assert run.cases >= 300, run.output
