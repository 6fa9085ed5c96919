"""The API behind the front door answers as its schema says, also when requests build on each other."""

import contract


def test_every_answer_is_one_of_the_schema(public_url, authorization, cluster, manage, tmp_path):
    certificate = cluster.secrets_authorities["services"]["certificate"]
    options = ("--phases", "coverage,fuzzing,stateful", "--max-examples", "300")
    try:
        run = contract.schemathesis(public_url, authorization, certificate, tmp_path, *options)
    finally:
        manage(contract.REMOVE)
    assert run.status == 0, run.output
    assert run.cases >= 2000, run.output
