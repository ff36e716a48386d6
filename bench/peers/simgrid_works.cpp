// The works on SimGrid (S4U): actors that sleep, a queue between two actors, and messages through
// mailboxes over a platform of links with latencies. S4U has no events of the user's own, so
// PHOLD and the re-armed time-outs are left out.

#include <simgrid/s4u.hpp>

// Not self-contained: after s4u.hpp.
#include <simgrid/version.h>
#include <xbt/log.h>

#include <deque>
#include <string>
#include <vector>

#include "bench/peers/works.hpp"

namespace {

namespace s4u = simgrid::s4u;
using predrill::peers::Exponentials;
using predrill::peers::Generator;
using predrill::peers::Meter;
using predrill::peers::Work;

constexpr Work works[] = {
    {"sleeping_1k", 1'000, 100'000, 500'000},
    {"sleeping_100k", 100'000, 200'000, 200'000},
    {"mm1", 1, 100'000, 300'000},
    {"spawn", 1, 10'000, 200'000},
    {"messages_1k", 1'000, 100'000, 200'000},
};

#define PEER_TEXT_(x) #x
#define PEER_TEXT(x) PEER_TEXT_(x)
constexpr char version[] = PEER_TEXT(SIMGRID_VERSION_MAJOR) "." PEER_TEXT(SIMGRID_VERSION_MINOR);

Meter* meter;

/// Processes that sleep in a loop; an operation is one wake-up.
void sleeping(s4u::Host* host, std::uint32_t size) {
  static Exponentials naps(1);
  for (std::uint32_t i = 0; i < size; ++i) {
    s4u::Actor::create("sleeper", host, [] {
      for (;;) {
        s4u::this_actor::sleep_for(naps.next());
        meter->count(&s4u::Engine::get_clock);
      }
    });
  }
}

/// M/M/1 at a utilisation of 0.9; an operation is one customer served. A semaphore over a deque:
/// a mailbox would bring the network model into the queue.
void mm1(s4u::Host* host) {
  static std::deque<double> queue;  // arrival times
  static s4u::SemaphorePtr waiting = s4u::Semaphore::create(0);
  s4u::Actor::create("source", host, [] {
    for (Exponentials arrivals(1);;) {
      s4u::this_actor::sleep_for(arrivals.next() / 0.9);
      queue.push_back(s4u::Engine::get_clock());
      waiting->release();
    }
  });
  s4u::Actor::create("server", host, [] {
    double sojourns = 0;
    double served = 0;
    for (Exponentials services(2);;) {
      waiting->acquire();
      const double arrived = queue.front();
      queue.pop_front();
      s4u::this_actor::sleep_for(services.next());
      sojourns += s4u::Engine::get_clock() - arrived;
      ++served;
      meter->count([=] { return sojourns / served; });
    }
  });
}

/// A parent that each second starts a hundred children, which let the others go first once; an
/// operation is one child.
void spawn(s4u::Host* host) {
  s4u::Actor::create("parent", host, [host] {
    for (;;) {
      for (int i = 0; i < 100; ++i) {
        s4u::Actor::create("child", host, [] {
          s4u::this_actor::yield();
          meter->count(&s4u::Engine::get_clock);
        });
      }
      s4u::this_actor::sleep_for(1);
    }
  });
}

/// Messages between nodes, the latency being the sum of both ends' links; an operation is one
/// message received and passed on to a random node.
void messages(s4u::NetZone* zone, std::uint32_t size) {
  static Generator draws(1);
  static std::vector<s4u::Mailbox*> mailboxes;
  std::vector<s4u::Host*> hosts;
  for (std::uint32_t i = 0; i < size; ++i) {
    const std::string name = "node-" + std::to_string(i);
    s4u::Host* host = zone->create_host(name, 1e9)->seal();
    // Fat links, one-byte messages: the time of a message is its latency.
    const s4u::Link* link = zone->create_link(name, 1e15)
                                ->set_sharing_policy(s4u::Link::SharingPolicy::FATPIPE)
                                ->set_latency(1e-3 * (1 + draws.unit()))
                                ->seal();
    // A star drops a link that occurs twice in a route, so the way to itself is two links.
    zone->add_route(host->get_netpoint(), nullptr, nullptr, nullptr, {s4u::LinkInRoute(link)});
    const s4u::Link* loop = zone->create_link(name + "-loop", 1e15)
                                ->set_sharing_policy(s4u::Link::SharingPolicy::FATPIPE)
                                ->set_latency(2 * link->get_latency())
                                ->seal();
    zone->add_route(host->get_netpoint(), host->get_netpoint(), nullptr, nullptr,
                    {s4u::LinkInRoute(loop)});
    hosts.push_back(host);
    mailboxes.push_back(s4u::Mailbox::by_name(name));
  }
  zone->seal();
  static const auto send = [] {
    static std::uint32_t payload = 0;
    s4u::Mailbox* to = mailboxes[draws.below(static_cast<std::uint32_t>(mailboxes.size()))];
    to->put_init(&payload, 1)->detach();
  };
  for (std::uint32_t i = 0; i < size; ++i) {
    s4u::Actor::create("node", hosts[i], [i] {
      // A permanent receiver: messages travel whether or not the node is waiting for one.
      mailboxes[i]->set_receiver(s4u::Actor::self());
      send();
      for (;;) {
        mailboxes[i]->get<std::uint32_t>();
        send();
        meter->count(&s4u::Engine::get_clock);
      }
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Work work = predrill::peers::chosen_work(argc, argv, works);
  Meter the_meter("SimGrid", version, work);
  meter = &the_meter;
  int engine_argc = 1;
  s4u::Engine engine(&engine_argc, argv);
  xbt_log_control_set("xbt_cfg.thresh:warning");
  // Small stacks without guard pages: 100,000 actors fit into memory and below the limit on
  // mappings. CM02 is the model that takes the latencies of the platform as they are.
  s4u::Engine::set_config("contexts/stack-size:16");
  s4u::Engine::set_config("contexts/guard-size:0");
  s4u::Engine::set_config("network/model:CM02");
  s4u::Engine::set_config("network/crosstraffic:0");
  s4u::Engine::set_config("network/TCP-gamma:0");
  s4u::NetZone* zone = s4u::create_star_zone("world");
  const auto is = [&work](const char* prefix) {
    return std::strncmp(work.name, prefix, std::strlen(prefix)) == 0;
  };
  if (is("messages")) {
    messages(zone, work.size);
  } else {
    s4u::Host* host = zone->create_host("host", 1e9)->seal();
    zone->seal();
    if (is("sleeping")) sleeping(host, work.size);
    if (is("mm1")) mm1(host);
    if (is("spawn")) spawn(host);
  }
  engine.run();  // the meter ends the program
}
