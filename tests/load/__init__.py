"""The benchmark: the app beside the slow one that it began as and a hand-written peer, on the same hosts in one run.

make bench                                   all of it, on hosts of its own, which stay for the next run
make bench ARGS='--phases sql,http'          some of it
make bench ARGS=--short                      that it works, in two minutes and without hosts: nothing is concluded
lab/lab --lab bench destroy                  removes the hosts

What each phase found is kept in reports/bench/ as soon as it is over: a run that was killed goes on from there.
"""
