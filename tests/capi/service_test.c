/* Calls from C: clients in other processes ask, the server answers in place or out of place. */
#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

static ringbell_error error;

static const int64_t kPatience = INT64_C(20) * 1000 * 1000 * 1000;

enum { kClients = 3, kCalls = 500, kLargest = 1000 };

/* Each request is a run of one letter; its response a run of the next letter, a byte longer. */
static int ask(int fd) {
  ringbell_service* service = NULL;
  ringbell_client* client = NULL;
  static char request[kLargest];
  static char response[kLargest];
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(fd, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(service, NULL, &client, &error));
  for (int i = 0; i < kCalls; ++i) {
    const size_t bytes = 1 + (size_t)i * 7 % (kLargest - 1);
    size_t size = 0;
    memset(request, 'a' + i % 25, bytes);
    CHECK_CODE(RINGBELL_OK, ringbell_client_call(client, request, bytes, response, sizeof response,
                                                 kPatience, &size, &error));
    CHECK(size == bytes + 1);
    for (size_t at = 0; at < size; ++at) CHECK(response[at] == 'b' + i % 25);
  }
  ringbell_client_close(client);
  return 0;
}

static void calls_are_answered_between_processes(void) {
  const ringbell_service_options options = {.clients = kClients, .message_bytes = kLargest};
  ringbell_service* service = NULL;
  ringbell_server* server = NULL;
  pid_t clients[kClients];
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(&options, &service, &error));
  for (int i = 0; i < kClients; ++i) {
    clients[i] = fork();
    CHECK(clients[i] >= 0);
    if (clients[i] == 0) _exit(ask(ringbell_service_fd(service)));
  }
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  for (int i = 0; i < kClients * kCalls; ++i) {
    const void* request = NULL;
    size_t size = 0;
    char response[kLargest + 1];
    CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, kPatience, &request, &size, &error));
    memset(response, 1 + *(const char*)request, size + 1);
    if (i == 0) {
      CHECK_CODE(RINGBELL_TOO_LARGE,
                 ringbell_server_respond(server, response, 2 * kLargest, &error));
    }
    CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, response, size + 1, &error));
  }
  for (int i = 0; i < kClients; ++i) check_child_succeeds(clients[i]);
  ringbell_server_close(server);
}

static void a_call_that_nobody_serves_ends(void) {
  ringbell_service* service = NULL;
  ringbell_service* other = NULL;
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  char response[48];
  size_t size = 0;
  const void* request = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(NULL, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, &client, &error));
  CHECK(ringbell_client_fate(client) == RINGBELL_FATE_NONE);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_client_call(client, "?", 1, response, sizeof response,
                                                    1000 * 1000, &size, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  CHECK(ringbell_client_fate(client) == RINGBELL_FATE_WITHDRAWN);
  CHECK(ringbell_server_lag(server) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "?", 1, &error));
  CHECK(ringbell_server_lag(server) == 1);
  CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, 0, &request, &size, &error));
  ringbell_client_abandon(client);
  /* Served all the same: it may do so in place. */
  CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, request, size, &error));
  CHECK(ringbell_server_lag(server) == 0);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_server_request(server, 0, &request, &size, &error));
  ringbell_server_close(server);
  CHECK_CODE(RINGBELL_CLOSED, ringbell_client_call(client, "?", 1, response, sizeof response,
                                                   kPatience, &size, &error));
  ringbell_client_close(client);
}

static void a_loop_is_woken_by_calls_and_by_answers(void) {
  ringbell_service* service = NULL;
  ringbell_service* other = NULL;
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(NULL, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, &client, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  struct pollfd called = {.fd = -1, .events = POLLIN, .revents = 0};
  struct pollfd answered = {.fd = -1, .events = POLLIN, .revents = 0};
  CHECK_CODE(RINGBELL_OK, ringbell_server_waitable_fd(server, &called.fd, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_waitable_fd(client, &answered.fd, &error));
  CHECK(ringbell_client_peer(client) == RINGBELL_PEER_ALIVE);

  char response[48];
  const void* request = NULL;
  size_t size = 0;
  for (int i = 0; i < 20; ++i) {
    CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
               ringbell_client_finish(client, response, sizeof response, &size, &error));
    CHECK(ringbell_server_arm(server) == 1);
    CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "ask", 3, &error));
    CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_client_begin(client, "ask", 3, &error));
    CHECK(strstr(error.message, "finish or abandon") != NULL);
    CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
               ringbell_client_call(client, "ask", 3, response, sizeof response, 0, &size, &error));
    CHECK(strstr(error.message, "finish or abandon") != NULL);
    CHECK(poll(&called, 1, 20000) == 1);
    CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, 0, &request, &size, &error));
    CHECK(size == 3);
    CHECK_CODE(RINGBELL_NOT_NOW,
               ringbell_client_finish(client, response, sizeof response, &size, &error));
    CHECK(ringbell_client_arm(client) == 1);
    CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, "told", 4, &error));
    CHECK(poll(&answered, 1, 20000) == 1);
    CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_client_finish(client, response, 3, &size, &error));
    CHECK_CODE(RINGBELL_OK,
               ringbell_client_finish(client, response, sizeof response, &size, &error));
    CHECK(size == 4 && memcmp(response, "told", 4) == 0);
  }
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "ask", 3, &error));
  ringbell_client_abandon(client);
  CHECK(ringbell_client_fate(client) == RINGBELL_FATE_WITHDRAWN);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_server_request(server, 0, &request, &size, &error));
  CHECK_CODE(RINGBELL_NOT_NOW,
             ringbell_client_call(client, "ask", 3, response, sizeof response, 0, &size, &error));
  CHECK(ringbell_client_fate(client) == RINGBELL_FATE_WITHDRAWN);
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "ask", 3, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, 0, &request, &size, &error));
  CHECK(ringbell_server_is_cancelled(server) == 0);
  ringbell_client_abandon(client);
  CHECK(ringbell_client_fate(client) == RINGBELL_FATE_MAYBE_SERVED);
  CHECK(ringbell_server_is_cancelled(server) == 1);
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_client_begin(client, "ask", 3, &error));
  CHECK(ringbell_client_arm(client) == 1);
  ringbell_client_disarm(client);
  ringbell_server_disarm(server);
  ringbell_server_close(server);
  CHECK(ringbell_client_peer(client) == RINGBELL_PEER_HAS_CLOSED);
  ringbell_client_close(client);
}

static void many_calls_are_under_way(void) {
  enum { kTickets = 3 };
  const ringbell_service_options options = {.clients = 1, .tickets = kTickets};
  ringbell_service* service = NULL;
  ringbell_service* other = NULL;
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  ringbell_ticket* tickets[kTickets] = {NULL};
  ringbell_ticket* more = NULL;
  const void* answer = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(&options, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, &client, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  CHECK(ringbell_client_max_message_bytes(client) == 48);
  CHECK(ringbell_server_max_message_bytes(server) == 48);
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_client_wait_any(client, 0, &error));
  for (int i = 0; i < kTickets; ++i) {
    CHECK_CODE(RINGBELL_OK, ringbell_client_start(client, "ask", 3, &tickets[i], &error));
  }
  CHECK_CODE(RINGBELL_NO_PLACE, ringbell_client_start(client, "ask", 3, &more, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_client_wait_any(client, 0, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_ticket_wait(tickets[2], 0, &answer, &size, &error));
  CHECK(ringbell_ticket_abandon(tickets[1]) == RINGBELL_FATE_WITHDRAWN);
  CHECK(ringbell_ticket_fate(tickets[1]) == RINGBELL_FATE_WITHDRAWN);
  for (int i = 0; i < 2; ++i) {
    const void* request = NULL;
    CHECK_CODE(RINGBELL_OK, ringbell_server_request(server, 0, &request, &size, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_server_respond(server, "told", 4, &error));
  }
  CHECK_CODE(RINGBELL_OK, ringbell_client_wait_any(client, 0, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_ticket_wait(tickets[2], 0, &answer, &size, &error));
  CHECK(size == 4 && memcmp(answer, "told", 4) == 0);
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT,
             ringbell_ticket_wait(tickets[1], 0, &answer, &size, &error));
  ringbell_client_close(client);
  CHECK_CODE(RINGBELL_CLOSED, ringbell_ticket_wait(tickets[0], 0, &answer, &size, &error));
  CHECK(ringbell_ticket_fate(tickets[0]) == RINGBELL_FATE_SERVED);
  for (int i = 0; i < kTickets; ++i) ringbell_ticket_destroy(tickets[i]);
  ringbell_ticket_destroy(NULL);
  ringbell_server_close(server);
}

static void a_request_is_answered_later(void) {
  ringbell_service* service = NULL;
  ringbell_service* other = NULL;
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  ringbell_taken* taken = NULL;
  char response[48];
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(NULL, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, &client, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  CHECK_CODE(RINGBELL_NOT_NOW, ringbell_server_take(server, 0, &taken, &error));
  for (int answered = 0; answered < 2; ++answered) {
    CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "ask", 3, &error));
    CHECK_CODE(RINGBELL_OK, ringbell_server_take(server, 0, &taken, &error));
    const void* const request = ringbell_taken_request(taken, &size);
    CHECK(size == 3 && memcmp(request, "ask", 3) == 0);
    CHECK(ringbell_taken_is_cancelled(taken) == 0);
    CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_taken_respond(taken, response, 1000, &error));
    if (answered) CHECK_CODE(RINGBELL_OK, ringbell_taken_respond(taken, "told", 4, &error));
    ringbell_taken_destroy(taken);
    CHECK_CODE(answered ? RINGBELL_OK : RINGBELL_DROPPED,
               ringbell_client_finish(client, response, sizeof response, &size, &error));
  }
  CHECK(size == 4 && memcmp(response, "told", 4) == 0);
  CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "ask", 3, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_take(server, 0, &taken, &error));
  ringbell_server_close(server);
  CHECK(ringbell_taken_is_cancelled(taken) == 1);
  CHECK_CODE(RINGBELL_CLOSED, ringbell_taken_respond(taken, "told", 4, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_taken_respond(taken, "told", 4, &error));
  ringbell_taken_destroy(taken);
  ringbell_taken_destroy(NULL);
  ringbell_client_close(client);
}

static void an_answer_has_parts(void) {
  const ringbell_service_options options = {.tickets = 1};
  ringbell_service* service = NULL;
  ringbell_service* other = NULL;
  ringbell_client* client = NULL;
  ringbell_server* server = NULL;
  ringbell_taken* taken = NULL;
  ringbell_ticket* ticket = NULL;
  const void* part = NULL;
  size_t size = 0;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(&options, &service, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, NULL, &client, &error));
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, NULL, &server, &error));
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_client_next(client, 0, &part, &size, &error));
  for (int by_ticket = 0; by_ticket < 2; ++by_ticket) {
    if (by_ticket) {
      CHECK_CODE(RINGBELL_OK, ringbell_client_start(client, "ask", 3, &ticket, &error));
      CHECK_CODE(RINGBELL_NOT_NOW, ringbell_ticket_next(ticket, 0, &part, &size, &error));
    } else {
      CHECK_CODE(RINGBELL_OK, ringbell_client_begin(client, "ask", 3, &error));
    }
    CHECK_CODE(RINGBELL_OK, ringbell_server_take(server, 0, &taken, &error));
    for (size_t i = 0; i < 3; ++i) {
      CHECK_CODE(RINGBELL_TOO_LARGE, ringbell_taken_send(taken, "", 1000, 0, &error));
      CHECK_CODE(RINGBELL_OK, ringbell_taken_send(taken, "told" + i, 4 - i, 0, &error));
      CHECK_CODE(RINGBELL_NOT_NOW, ringbell_taken_send(taken, "next", 4, 0, &error));
      CHECK_CODE(RINGBELL_OK, by_ticket
                                  ? ringbell_ticket_next(ticket, kPatience, &part, &size, &error)
                                  : ringbell_client_next(client, kPatience, &part, &size, &error));
      CHECK(size == 4 - i && memcmp(part, "told" + i, size) == 0);
      if (i == 2) break;
      if (by_ticket) {
        CHECK_CODE(RINGBELL_NOT_NOW, ringbell_ticket_next(ticket, 0, &part, &size, &error));
      } else {
        CHECK_CODE(RINGBELL_NOT_NOW, ringbell_taken_send(taken, "next", 4, 1000, &error));
        break;
      }
    }
    if (by_ticket) {
      CHECK_CODE(RINGBELL_OK, ringbell_taken_finish(taken, &error));
      CHECK_CODE(RINGBELL_CLOSED, ringbell_ticket_next(ticket, 0, &part, &size, &error));
      CHECK(ringbell_ticket_fate(ticket) == RINGBELL_FATE_SERVED);
    } else {
      CHECK_CODE(RINGBELL_NOT_NOW, ringbell_client_next(client, 0, &part, &size, &error));
      CHECK(ringbell_client_fate(client) == RINGBELL_FATE_MAYBE_SERVED);
      CHECK_CODE(RINGBELL_DROPPED, ringbell_taken_send(taken, "next", 4, kPatience, &error));
    }
    CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_taken_finish(taken, &error));
    ringbell_taken_destroy(taken);
  }
  ringbell_ticket_destroy(ticket);
  ringbell_client_close(client);
  ringbell_server_close(server);
}

static void what_cannot_be_is_refused(void) {
  ringbell_service* service = NULL;
  const ringbell_service_options wrong = {.reserved = {1}};
  CHECK_CODE(RINGBELL_INVALID_ARGUMENT, ringbell_service_create(&wrong, &service, &error));
  CHECK_CODE(RINGBELL_SYSTEM, ringbell_service_attach(-1, &service, &error));
  CHECK(error.errno_value != 0);
  ringbell_service_destroy(NULL);
  ringbell_client_close(NULL);
  ringbell_server_close(NULL);
}

int main(void) {
  a_loop_is_woken_by_calls_and_by_answers();
  many_calls_are_under_way();
  a_request_is_answered_later();
  an_answer_has_parts();
  what_cannot_be_is_refused();
  a_call_that_nobody_serves_ends();
  calls_are_answered_between_processes();
  return 0;
}
