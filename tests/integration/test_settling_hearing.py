"""Whose word it takes that a call never began, and what is said when it had begun all the same."""

from accounting.settling.hearing import BEAT_FRESH_S, ROLL_CALL_S, SPOOL_GONE_S, STALL_S
from tests.integration.office import LONG_S, OTHER_SPOOL, Office, batch, start
from tests.integration.test_settling_access import swept

NEVER_STARTED = ("released", "never_started", 0)


async def silent_hold(office: Office) -> tuple[str, str]:
    """A hold an hour old of which nobody has told anything; its token."""
    hold_id, text, _ = await office.placed()
    await office.age(hold_id, LONG_S)
    return hold_id, text


async def test_beat_that_waited_in_a_socket_vouches_for_nothing(office: Office) -> None:
    """It is as old as its signature says; what came since may not be told."""
    hold_id, _ = await silent_hold(office)
    await office.beat(age_s=int(BEAT_FRESH_S) + 1)
    assert await swept(office, hold_id) is None
    await office.beat()
    assert await swept(office, hold_id) == NEVER_STARTED


async def test_beat_of_before_a_stall_vouches_for_nothing(office: Office) -> None:
    """Frozen for a minute, accounting begins to listen anew: beats that it reads first are of before."""
    hold_id, _ = await silent_hold(office)
    await office.beat()
    office.now_s += STALL_S + 60.0
    await office.beat(age_s=2)
    office.listen(ROLL_CALL_S)
    assert await swept(office, hold_id) is None
    await office.beat()
    assert await swept(office, hold_id) == NEVER_STARTED


async def test_silence_of_a_stall_settles_nothing(office: Office) -> None:
    """What the callback told meanwhile waits in the socket; the wait begins anew."""
    hold_id, text, _ = await office.placed()
    await office.report(start(hold_id, text))
    await office.envoy(hold_id, age_s=LONG_S)
    office.now_s += STALL_S + 1.0
    assert await swept(office, hold_id) is None


async def test_callback_vouches_for_no_other(office: Office) -> None:
    """A host whose spool reported and does not vouch may hold the start; gone for long, it is forgotten."""
    hold_id, _ = await silent_hold(office)
    other, text, _ = await office.placed("jose")
    await office.send(batch(start(other, text), spool=OTHER_SPOOL))
    await office.beat()
    assert await swept(office, hold_id) is None
    office.listen(SPOOL_GONE_S + 1)
    await office.beat()
    assert await swept(office, hold_id) == NEVER_STARTED


async def test_callback_that_does_not_name_its_spool_vouches_for_nothing(office: Office) -> None:
    """Two of an older version could not be told apart."""
    hold_id, _ = await silent_hold(office)
    await office.beat(spool="")
    assert await swept(office, hold_id) is None


async def test_hold_whose_start_was_quarantined_is_not_released(office: Office) -> None:
    """Something was sent, though its report could not be read: a person looks, at the deadline at last."""
    hold_id, text = await silent_hold(office)
    assert await office.report(start(hold_id, text, images=100_001)) == (0, 0, 1)
    await office.beat()
    assert await swept(office, hold_id) is None
    await office.expire(hold_id)
    closed = await swept(office, hold_id)
    assert closed is not None
    assert closed[:2] == ("settled", "report_missing")
    assert await office.exceptions() == ["report_missing"]


async def test_start_after_its_hold_was_released_is_shown_to_a_person(office: Office) -> None:
    """Somebody vouched wrongly; sent again it is one exception."""
    hold_id, text = await silent_hold(office)
    await office.beat()
    assert await swept(office, hold_id) == NEVER_STARTED
    late = start(hold_id, text)
    await office.report(late)
    await office.report(late)
    assert await office.exceptions() == ["late_start"]


async def test_start_before_the_release_of_its_hold_is_nothing_late(office: Office) -> None:
    """LiteLLM's error after a start releases too; the same start sent again is a duplicate."""
    hold_id, text, _ = await office.placed()
    told = start(hold_id, text)
    await office.report(told)
    await office.envoy(hold_id, age_s=LONG_S, code=429)
    assert await swept(office, hold_id) == ("released", "refused_upstream", 0)
    before = await office.exceptions()
    await office.report(told)
    assert await office.exceptions() == before
    assert "late_start" not in before
