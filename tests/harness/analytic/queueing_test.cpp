// Closed forms against values computed independently with 40 digits, and simulations against the
// closed forms.
#include "harness/analytic/queueing.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <string>

using namespace predrill::harness::analytic;

namespace {

void check(const std::string& what, double found, double expected) {
  INFO(what << ": " << found << ", expected " << expected);
  CHECK(std::abs(found - expected) <= 2e-8 * std::abs(expected) + 1e-16);
}

}  // namespace

TEST_CASE("closed forms: M/M/c", "[analytic]") {
  const QueueAnswer one = mmc(0.8, 1, 1);
  check("L", one.number, 4);
  check("Lq", one.waiting, 3.2);
  check("W", one.response, 5);
  check("Wq", one.wait, 4);
  struct Row {
    std::size_t c;
    double a, b, erlang_c, wait;
  };
  for (const Row& row : {Row{2, 1.5, .310344828, .642857143, 1.28571429},
                         Row{5, 4, .199066874, .554112554, .554112554},
                         Row{10, 8, .121661064, .409180151, .204590075},
                         Row{20, 18, .109212846, .550769005, .275384502},
                         Row{40, 36, .065369528, .411562477, .102890619},
                         Row{40, 38, .0897913701, .663637653, .331818827},
                         Row{40, 39, .102798276, .820886815, .820886815},
                         Row{42, 38, erlang_b(42, 38), .421919212, .105479803},
                         Row{44, 38, erlang_b(44, 38), .255953014, .0426588357},
                         Row{46, 38, erlang_b(46, 38), .147612142, .0184515178},
                         Row{48, 38, erlang_b(48, 38), .0806721285, .00806721285},
                         Row{50, 38, .0103283578, .0416718842, .00347265702}}) {
    const std::string name = "M/M/" + std::to_string(row.c);
    check(name + " B", erlang_b(row.c, row.a), row.b);
    check(name + " C", erlang_c(row.c, row.a), row.erlang_c);
    check(name + " Wq", mmc(row.a, 1, row.c).wait, row.wait);
  }
  check("P(Wq>1)", mmc_wait_tail(38, 1, 40, 1), .0898135898);
  check("wait p95", mmc_wait_quantile(38, 1, 40, .95), 1.29285665);
  check("wait p99", mmc_wait_quantile(38, 1, 40, .99), 2.0975756);
  CHECK(mmc_wait_quantile(18, 1, 20, .3) == 0);
  CHECK(mmc(44, 1, 40).wait == std::numeric_limits<double>::infinity());
}

TEST_CASE("closed forms: one server and constant service", "[analytic]") {
  check("M/D/1", mg1_wait(.8, 1, 0), 2);
  check("M/G/1", mg1_wait(.8, 1, 4), 10);
  check("M/D/2", mdc_wait(1.6, 1, 2), .903283879);
  check("M/D/5", mdc_wait(4.5, 1, 5), .776695158);
  check("M/D/10", mdc_wait(8, 1, 10), .109827790);
  check("M/D/40 36", mdc_wait(36, 1, 40), .0552848426);
  check("M/D/40 38", mdc_wait(38, 1, 40), .171216586);
}

TEST_CASE("closed forms: finite room and finite population", "[analytic]") {
  const QueueAnswer small = mmck(.8, 1, 1, 5);
  check("pK", small.lost, .0888194987);
  check("L", small.number, 1.86833203);
  check("Lq", small.waiting, 1.13938763);
  check("W", small.response, 2.56306521);
  check("Wq", small.wait, 1.56306521);
  check("M/M/2/6 Lq", mmck(1.5, 1, 2, 6).waiting, .835624331);
  const QueueAnswer room = mmck(38, 1, 40, 60);
  check("pK", room.lost, .0153687133);
  check("Wq", room.wait, .123231409);
  check("P(wait)", room.wait_probability, .558634765);
  check("overload pK", mmck(44, 1, 40, 60).lost, .0977087449);
  const QueueAnswer large = mmck(44, 1, 40, 600);
  check("pK of a large room", large.lost, .0909090909);
  check("Wq of a large room", large.wait, 13.75);
  check("rare loss", mmck(38, 1, 40, 600).lost, 1.11203891e-14);
  const EngsetAnswer sources = engset(10, 3, 1);
  check("time congestion", sources.time_congestion, .681818182);
  check("call congestion", sources.call_congestion, .646153846);
}

TEST_CASE("closed forms: the machine repairman", "[analytic]") {
  const QueueAnswer five = repairman(5, 1, 10, 1);
  check("X", five.throughput, .436047823);
  check("L", five.number, .639521769);
  check("R", five.response, 1.46663218);
  check("P(wait)", five.wait_probability, .353336782);
  const QueueAnswer pool = repairman(284, 40, .98, .153);
  check("X", pool.throughput, 246.269875);
  check("utilisation", pool.utilisation, .941982273);
  check("Lq", pool.waiting, 4.97623126);
  check("Wq", pool.wait, .0202064148);
  check("P(wait)", pool.wait_probability, .563242218);
  check("X of 182", repairman(182, 40, .0335, .009048).throughput, 4179.1379);
  const QueueAnswer full = repairman(600, 40, .5, .05);
  check("saturated", full.throughput, 800);
  check("R", full.response, .25);
}

TEST_CASE("closed forms: abandonment", "[analytic]") {
  struct Row {
    std::size_t c;
    double lambda, theta, waits, lost, wait;
  };
  for (const Row& row : {Row{40, 36, .5, .31083939, .0190189334, .0380378668},
                         Row{40, 44, .5, .846162533, .105758854, .211517709},
                         Row{40, 44, .1, .985022312, .0923548708, .923548708},
                         Row{10, 9, 1, .412591756, .0859121116, .0859121116}}) {
    const QueueAnswer q = erlang_a(row.lambda, 1, row.c, row.theta);
    check("P(wait)", q.wait_probability, row.waits);
    check("P(abandon)", q.lost, row.lost);
    check("E[wait]", q.wait, row.wait);
  }
  for (const Row& row : {Row{40, 36, 1, .407543115, .000758951872, .0948654739},
                         Row{40, 38, 5, .663628025, 1.50649826e-6, .331670142},
                         Row{40, 44, 1, .991854474, .0916953697, .783609291},
                         Row{40, 44, 5, 1, .090909091, 4.77272728},
                         Row{10, 12, 2, .992883738, .168045507, 1.60412697}}) {
    const QueueAnswer q = mmc_patience(row.lambda, 1, row.c, row.theta);
    INFO("M/M/" << row.c << "+D, lambda " << row.lambda);
    CHECK(q.wait_probability == Approx(row.waits).epsilon(1e-8));
    CHECK(q.lost == Approx(row.lost).epsilon(1e-8));
    CHECK(q.wait == Approx(row.wait).epsilon(1e-8));
  }
}

TEST_CASE("closed forms: networks, drains and backlogs", "[analytic]") {
  const auto tandem = jackson({{3, 4, 1, {0, 1, 0}}, {0, 2, 2, {0, 0, 1}}, {0, 10, 1, {}}});
  check("first", tandem[0].response, 1);
  check("second", tandem[1].response, 1.14285714);
  check("third", tandem[2].response, .142857143);
  check("L", tandem[0].number + tandem[1].number + tandem[2].number, 6.85714286);
  const auto feedback = jackson({{3, 5, 1, {.25}}});
  check("rate", feedback[0].throughput, 4);
  check("T per visit", feedback[0].response, 1);
  const Drain drain = drain_time(284, 40, 1);
  check("mean", drain.mean, 10.378543);
  check("variance", drain.variance, 1.77274396);
  check("182 jobs", drain_time(182, 40, 1).mean, 7.82854304);
  check("100 jobs", drain_time(100, 10, 1).variance, 2.44976773);
  // A window of 300 s at 247.8 a second, 260.8 a second possible: 95 minutes.
  CHECK(backlog(247.8, 260.8, 300).drain == Approx(5718).epsilon(0.01));
  CHECK(backlog(10, 10, 1).drain == std::numeric_limits<double>::infinity());
  CHECK(mmc_waiting_variance(36, 1, 40) == Approx(624.55).epsilon(1e-4));
  CHECK(mmc_waiting_variance(38, 1, 40) == Approx(13684.8).epsilon(1e-4));
}
