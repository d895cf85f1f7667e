"""What the benchmark of hedging times is a decision over a book that is really held."""

from benchmarks.hedging import desk


def test_the_desk_holds_what_it_should_and_knows_all_of_it() -> None:
    made = desk(40)
    net = made.net()
    assert net.positions == 40
    # 40 calls, two weeks and twenty strikes around the price: about half a coin each.
    assert 15.0 < net.delta < 25.0
    made.work()
    assert made.hedger.sent is None
    assert made.hedger.stuck == ""
