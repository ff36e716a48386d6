// Random faults on a whole cluster, then peace: whatever happened, one primary must come out of it,
// and every broken rule must have a named mechanism.
#include "tests/models/cluster.hpp"

namespace predrill::models::fixture {
namespace {

class Swarm {
 public:
  explicit Swarm(Cluster& cluster) : c_(cluster), draws_(cluster.sim.stream("test", "swarm")) {}

  void one_fault() {
    const auto id = static_cast<MemberId>(draws_.below(c_.nodes.size()));
    Node& node = c_.node(id);
    switch (draws_.below(8)) {
      case 0:
        if (node.host.up()) node.host.crash();
        break;
      case 1:
        node.group.kill();
        break;
      case 2:
        if (node.host.up()) node.postgres.kill_postmaster(draws_.chance(0.3));
        break;
      case 3:
        if (node.host.up()) node.host.freeze();
        break;
      case 4:
        cuts_.push_back(c_.sim.network().cut(c_.hosts_of({id}), c_.all_but(id)));
        break;
      case 5:
        cuts_.push_back(c_.sim.network().cut(c_.hosts_of({id}), c_.all_etcd()));
        break;
      case 6:
        node.patroni.sigterm();
        break;
      case 7: {
        sim::Host& host = *c_.etcd_hosts[draws_.below(c_.etcd_hosts.size())];
        if (host.up()) host.crash();
        break;
      }
      default:
        break;
    }
  }
  void repair() {
    for (const auto cut : cuts_) c_.sim.network().heal(cut);
    cuts_.clear();
    for (auto& host : c_.etcd_hosts) {
      if (!host->up()) host->restart();
    }
    for (auto& node : c_.nodes) {
      if (!node->host.up()) node->host.restart();
      node->host.thaw();
      node->patroni.start();  // if it does not run
    }
  }
  Duration pause() { return draws_.uniform(0s, 25s); }
  std::uint64_t faults() { return 1 + draws_.below(3); }

 private:
  Cluster& c_;
  sim::Stream draws_;
  std::vector<sim::FaultId> cuts_;
};

}  // namespace

TEST_CASE("patroni: after any faults one primary comes out", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    ClusterOptions options;
    options.seed = seed;
    options.patroni.synchronous_mode = seed % 2 == 0;
    options.patroni.failsafe_mode = seed % 3 == 0;
    options.patroni.version = seed % 5 == 0 ? PatroniVersion::v3_3_2 : PatroniVersion::v3_3_7;
    options.patroni.use_pg_rewind = true;
    options.patroni.remove_data_directory_on_diverged_timelines = true;
    Cluster c(options);
    c.checker.on_candidates(c.now(),
                            false);  // several faults at once may leave nobody for any time
    Swarm swarm(c);
    for (int round = 0; round < 4; ++round) {
      for (std::uint64_t left = swarm.faults(); left > 0; --left) {
        swarm.one_fault();
        c.run(swarm.pause());
      }
      c.run(swarm.pause());
      swarm.repair();
      c.run(swarm.pause());
    }
    c.run(4min);
    INFO("seed " << seed << "\n" << c.text);
    const MemberId leader = c.leader();
    CHECK(leader != nobody);
    CHECK(c.primaries() == only(leader));
    CHECK(c.unexplained() == "");
  }
}

}  // namespace predrill::models::fixture
