// Flows and requests on their way from clients through a load balancer to the processes behind it.
// A flow is a TCP connection; with a Network Load Balancer it stays on one target for its life. A
// request is one object that passes through the stages below; it costs one event where nothing is
// wrong.
#pragma once

#include <cstdint>
#include <string_view>

#include "models/http.hpp"
#include "models/stat_list.hpp"
#include "models/target_group.hpp"
#include "sim/simulation.hpp"

namespace predrill::models {

class LoadBalancer;
class ServiceClients;
class ServiceProcess;
struct ServiceRequest;

/// What became of a request, as its client sees it.
enum class RequestEnd : std::uint8_t {
  answered,
  no_connection,  // the client has no connection and got none
  reset,          // RST or FIN on its connection
  timeout,        // the client's own limit
  http_502,       // Bad Gateway: the target refused or closed
  http_503,       // Service Unavailable: nobody registered, or the target's queue is full
  http_504        // Gateway Timeout: the target was silent
};
constexpr std::size_t request_ends = 7;
std::string_view to_text(RequestEnd end);

/// A list of requests through one pair of their links.
template <ServiceRequest* ServiceRequest::*before, ServiceRequest* ServiceRequest::*after>
class RequestList;

struct ServiceRequest : sim::Event {
  enum class Stage : std::uint8_t {
    with_client,
    connecting,      // an application load balancer opens a connection for it
    stalled,         // not acknowledged: TCP sends it again
    answer_stalled,  // the same for its answer
    queued,          // in the process, no worker free
    serving,
    pool_queued,  // a worker waits for the second resource
    pooled,
    lost  // on a machine that is silent
  };
  explicit ServiceRequest(ServiceClients& its_clients) : Event(&fire), clients(its_clients) {}

  ServiceClients& clients;
  LoadBalancer* balancer = nullptr;
  struct ServiceFlow* flow = nullptr;
  ServiceProcess* process = nullptr;  // that has it
  TargetId target = no_target;
  Stage stage = Stage::with_client;
  bool given_up = false;  // by the client; the process still works on it
  std::uint8_t attempt = 0;
  sim::Time first_sent{};
  sim::Time sent{};
  sim::Duration resend{};              // TCP's retransmission time-out
  ServiceRequest* previous = nullptr;  // StatList: in a process
  ServiceRequest* next = nullptr;
  ServiceRequest* older = nullptr;  // of the client's requests under way, by time-out
  ServiceRequest* newer = nullptr;
  ServiceRequest* balancer_previous = nullptr;  // of an application load balancer's, by time-out
  ServiceRequest* balancer_next = nullptr;
  sim::Time routed{};
  bool routed_to_target = false;
  ServiceRequest* flow_previous = nullptr;
  ServiceRequest* flow_next = nullptr;

 private:
  static void fire(sim::Event& event);
};

template <ServiceRequest* ServiceRequest::*before, ServiceRequest* ServiceRequest::*after>
class RequestList {
 public:
  ServiceRequest* first() const { return first_; }
  bool empty() const { return first_ == nullptr; }
  void append(ServiceRequest& item) {
    item.*before = last_;
    item.*after = nullptr;
    (last_ != nullptr ? last_->*after : first_) = &item;
    last_ = &item;
  }
  void remove(ServiceRequest& item) {
    (item.*before != nullptr ? (item.*before)->*after : first_) = item.*after;
    (item.*after != nullptr ? (item.*after)->*before : last_) = item.*before;
    item.*before = item.*after = nullptr;
  }

 private:
  ServiceRequest* first_ = nullptr;
  ServiceRequest* last_ = nullptr;
};

struct alignas(64) ServiceFlow {
  explicit ServiceFlow(ServiceClients& its_clients) : clients(its_clients) {}
  // What a request looks at, in one cache line: flows are many, and each request takes any of them.
  ServiceClients& clients;
  RequestList<&ServiceRequest::flow_previous, &ServiceRequest::flow_next> requests;
  sim::Time last_packet{};
  std::size_t node = 0;  // of the load balancer
  std::uint32_t number = 0;
  std::uint32_t life = 0;          // goes up at each end: tells apart two uses of the object
  std::uint32_t node_life = 0;     // Host::incarnation of the node when established
  std::uint32_t process_life = 0;  // ServiceProcess::life when established
  std::uint32_t under_way = 0;
  TargetId target = no_target;
  bool established = false;
  bool closing = false;  // no more requests; ends with the last one under way
  // What it looks at no more.
  bool usable = false;
  std::uint32_t resolver = 0;
  std::size_t position = 0;  // in the client's list of usable flows
  HttpSocket socket;         // from the node to the target
  sim::ProcessId watcher;
};

}  // namespace predrill::models
