"""The small sizes that are explored whole: one account and three, without faults and with each."""

from tests.model.state import World

ONE_ACCOUNT = (
    World("two calls on one account", credit=(2,)),
    World("three calls on one account", credit=(3,), calls=3, top_up=1),
    World("two calls that extend", credit=(4,), extend_to=3, top_up=1),
    World("four calls that only ask", credit=(5,), calls=4, reports=False, top_up=2),
    World("two answers and figures that differ", credit=(3,), two_answers=True, conflicts=True),
    World("a provider that charges beyond the hold", credit=(2,), overrun=1, deadline=True),
    World("reports that are late or never come", credit=(3,), two_answers=True, deadline=True),
    World(
        "calls that are never heard of again",
        credit=(2,),
        crashes=True,
        deadline=True,
        lost_answers=True,
    ),
    World("calls that run without a hold", credit=(2,), unheld=True, deadline=True),
    World("a spool that forgets what is on disk", credit=(2,), acknowledges=True),
    World("a ledger that is away", credit=(3,), outages=1, cap=2, lost_answers=True),
    World(
        "a ledger that is away and deadlines that pass",
        credit=(3,),
        outages=1,
        cap=2,
        deadline=True,
    ),
)
# All or nothing over everybody who has a say, and what falls due before the next decision.
THREE_ACCOUNTS = (
    World("three calls on a user, a pool and a cap", credit=(5, 4, 3), calls=3),
    World("a user whose cap comes back", credit=(3, 3, 0), due=2),
    World("a user, a pool and a cap with late reports", credit=(3, 2, 4), deadline=True),
)
WORLDS = ONE_ACCOUNT + THREE_ACCOUNTS
