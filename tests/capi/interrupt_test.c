/* Each handle's wait is ended by another thread, and by a signal handler. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <ringbell/ringbell.h>

#include "check.h"

#define PATIENCE_NS (INT64_C(20) * 1000 * 1000 * 1000)

static ringbell_error error;
static char buffer[256];
static const ringbell_wait_options kAsleep = {.spin_budget_ns = -1,
                                              .longest_sleep_ns = INT64_C(3600) * 1000000000};

/* What the thread, or the handler, interrupts, and by which call. */
static void (*interrupt)(void* handle);
static void* handle;
static pthread_t waiting;

static void on_signal(int number) {
  (void)number;
  interrupt(handle);
}

static void* interrupt_soon(void* by_signal) {
  usleep(20 * 1000);
  if (by_signal != NULL) {
    pthread_kill(waiting, SIGUSR1);
  } else {
    interrupt(handle);
  }
  return NULL;
}

static void check_interrupted(void (*by)(void*), void* end, int (*wait)(void*)) {
  interrupt = by;
  handle = end;
  waiting = pthread_self();
  for (int by_signal = 0; by_signal < 2; ++by_signal) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, interrupt_soon, by_signal ? &thread : NULL) == 0);
    CHECK(wait(end) == RINGBELL_CANCELLED);
    CHECK(pthread_join(thread, NULL) == 0);
  }
  interrupt(end); /* before the wait */
  CHECK(wait(end) == RINGBELL_CANCELLED);
}

static void interrupt_receiver(void* end) { ringbell_receiver_interrupt(end); }
static int wait_of_receiver(void* end) {
  size_t size = 0;
  return ringbell_receiver_receive(end, buffer, sizeof buffer, PATIENCE_NS, &size, &error);
}
static void interrupt_sender(void* end) { ringbell_sender_interrupt(end); }
static int wait_of_sender(void* end) {
  int code = RINGBELL_OK;
  while (code == RINGBELL_OK) {
    code = ringbell_sender_send(end, buffer, sizeof buffer, PATIENCE_NS, &error);
  }
  return code;
}
static void interrupt_subscriber(void* end) { ringbell_subscriber_interrupt(end); }
static int wait_of_subscriber(void* end) {
  size_t size = 0;
  return ringbell_subscriber_receive(end, buffer, sizeof buffer, PATIENCE_NS, &size, &error);
}
static void interrupt_publisher(void* end) { ringbell_publisher_interrupt(end); }
static int wait_of_publisher(void* end) {
  int code = RINGBELL_OK;
  while (code == RINGBELL_OK) {
    code = ringbell_publisher_publish(end, buffer, 1, PATIENCE_NS, &error);
  }
  return code;
}
static void interrupt_client(void* end) { ringbell_client_interrupt(end); }
static int wait_of_client(void* end) {
  size_t size = 0;
  return ringbell_client_call(end, buffer, 1, buffer, sizeof buffer, PATIENCE_NS, &size, &error);
}
static void interrupt_server(void* end) { ringbell_server_interrupt(end); }
static int wait_of_server(void* end) {
  const void* request = NULL;
  size_t size = 0;
  return ringbell_server_request(end, PATIENCE_NS, &request, &size, &error);
}
static int wait_of_taking_server(void* end) {
  ringbell_taken* taken = NULL;
  return ringbell_server_take(end, PATIENCE_NS, &taken, &error);
}

static void ends_of_a_channel(uint32_t doorbell) {
  const ringbell_channel_options options = {.capacity_bytes = 4096, .doorbell = doorbell};
  ringbell_channel* channel = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_channel_create(&options, &channel, &error));
  ringbell_channel* other = NULL;
  const ringbell_channel_fds fds = ringbell_channel_get_fds(channel);
  CHECK_CODE(RINGBELL_OK, ringbell_channel_attach(&fds, &other, &error));
  ringbell_sender* sender = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_sender_open(channel, &kAsleep, &sender, &error));
  ringbell_receiver* receiver = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_receiver_open(other, &kAsleep, &receiver, &error));
  check_interrupted(interrupt_receiver, receiver, wait_of_receiver);
  check_interrupted(interrupt_sender, sender, wait_of_sender);
  ringbell_receiver_close(receiver);
  ringbell_sender_close(sender);
}

static void ends_of_a_topic(void) {
  const ringbell_topic_options options = {.policy = RINGBELL_TOPIC_LOSSLESS, .messages = 4};
  ringbell_topic* topic = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_topic_create(&options, &topic, &error));
  ringbell_topic* other = NULL;
  const ringbell_topic_fds fds = ringbell_topic_get_fds(topic);
  CHECK_CODE(RINGBELL_OK, ringbell_topic_attach(&fds, &other, &error));
  ringbell_subscriber* subscriber = NULL;
  CHECK_CODE(RINGBELL_OK,
             ringbell_subscriber_open(other, RINGBELL_START_OLDEST, &kAsleep, &subscriber, &error));
  ringbell_publisher* publisher = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_publisher_open(topic, &kAsleep, &publisher, &error));
  check_interrupted(interrupt_subscriber, subscriber, wait_of_subscriber);
  check_interrupted(interrupt_publisher, publisher, wait_of_publisher);
  ringbell_publisher_close(publisher);
  ringbell_subscriber_close(subscriber);
}

static void ends_of_a_service(void) {
  ringbell_service* service = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_create(NULL, &service, &error));
  ringbell_service* other = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_service_attach(ringbell_service_fd(service), &other, &error));
  ringbell_server* server = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_server_open(service, &kAsleep, &server, &error));
  ringbell_client* client = NULL;
  CHECK_CODE(RINGBELL_OK, ringbell_client_open(other, &kAsleep, &client, &error));
  check_interrupted(interrupt_server, server, wait_of_server);
  check_interrupted(interrupt_server, server, wait_of_taking_server);
  check_interrupted(interrupt_client, client, wait_of_client);
  ringbell_client_close(client);
  ringbell_server_close(server);
}

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  ends_of_a_channel(RINGBELL_DOORBELL_FUTEX);
  ends_of_a_channel(RINGBELL_DOORBELL_EVENTFD);
  ends_of_a_topic();
  ends_of_a_service();
  return 0;
}
