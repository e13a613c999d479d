// What a program does that has NATS and no rings: the measure of the bridge. Messages begin with
// their number, which the receiver checks.
//
//   plain send URL SUBJECT COUNT SIZE core|headers|durable    headers: the one that a bridge sets
//   plain receive URL SUBJECT COUNT core|durable              "SECONDS MISSING", from first to last
//   plain echo URL SUBJECT                                    from SUBJECT.there to SUBJECT.back
//   plain ping URL SUBJECT COUNT SIZE                         "NS" of each way there and back
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nats/nats.h>

enum { kLargest = 1 << 20, kFetch = 256 };

static char payload[kLargest];

static void must(natsStatus status, const char* what) {
  if (status == NATS_OK) return;
  fprintf(stderr, "plain: %s: %s\n", what, natsStatus_GetText(status));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static natsConnection* connected(const char* url) {
  natsConnection* connection = NULL;
  must(natsConnection_ConnectTo(&connection, url), url);
  return connection;
}

static natsSubscription* subscribed(natsConnection* connection, const char* subject) {
  natsSubscription* subscription = NULL;
  must(natsConnection_SubscribeSync(&subscription, connection, subject), subject);
  must(natsSubscription_SetPendingLimits(subscription, -1, 256 << 20), subject);
  must(natsConnection_Flush(connection), "flush");
  return subscription;
}

static void send_with_header(natsConnection* connection, const char* subject, uint64_t number,
                             int size) {
  char origin[80];
  natsMsg* message = NULL;
  snprintf(origin, sizeof origin, "0123456789abcdef %llu %llu 0 0", (unsigned long long)number,
           (unsigned long long)number + 1);
  must(natsMsg_Create(&message, subject, NULL, payload, size), "message");
  must(natsMsgHeader_Set(message, "Ringbell", origin), "header");
  must(natsConnection_PublishMsg(connection, message), "publish");
  natsMsg_Destroy(message);
}

static void send_all(const char* url, const char* subject, uint64_t count, int size,
                     const char* how) {
  natsConnection* connection = connected(url);
  jsCtx* stream = NULL;
  jsOptions options;
  jsOptions_Init(&options);
  options.PublishAsync.MaxPending = kFetch;
  must(natsConnection_JetStream(&stream, connection, &options), "JetStream");
  for (uint64_t number = 0; number < count; ++number) {
    memcpy(payload, &number, sizeof number);
    if (strcmp(how, "durable") == 0) {
      must(js_PublishAsync(stream, subject, payload, size, NULL), "publish");
    } else if (strcmp(how, "headers") == 0) {
      send_with_header(connection, subject, number, size);
    } else {
      must(natsConnection_Publish(connection, subject, payload, size), "publish");
    }
  }
  if (strcmp(how, "durable") == 0) must(js_PublishAsyncComplete(stream, NULL), "complete");
  must(natsConnection_Flush(connection), "flush");
}

// As a bridge makes it.
static void make_stream(jsCtx* stream, const char* subject) {
  char name[100];
  jsStreamConfig config;
  snprintf(name, sizeof name, "%s", subject);
  for (char* dot = name; (dot = strchr(dot, '.')) != NULL;) *dot = '_';
  jsStreamConfig_Init(&config);
  config.Name = name;
  config.Subjects = &subject;
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  config.Discard = js_DiscardNew;
  must(js_AddStream(NULL, stream, &config, NULL, NULL), "stream");
}

static void receive_all(const char* url, const char* subject, uint64_t count, bool durable) {
  natsConnection* connection = connected(url);
  natsSubscription* subscription = NULL;
  jsCtx* stream = NULL;
  must(natsConnection_JetStream(&stream, connection, NULL), "JetStream");
  if (durable) {
    make_stream(stream, subject);
    must(js_PullSubscribe(&subscription, stream, subject, "plain", NULL, NULL, NULL), "pull");
  } else {
    subscription = subscribed(connection, subject);
  }
  puts("ready");
  fflush(stdout);
  uint64_t next = 0;
  uint64_t missing = 0;
  uint64_t first = 0;
  uint64_t last = 0;
  while (next < count) {
    natsMsgList list = {NULL, 0};
    natsMsg* one = NULL;
    natsStatus status;
    if (durable) {
      status = natsSubscription_Fetch(&list, subscription, kFetch, 1000, NULL);
    } else {
      status = natsSubscription_NextMsg(&one, subscription, 10000);
    }
    if (status == NATS_TIMEOUT && (durable || next == 0)) continue;
    if (status == NATS_TIMEOUT) break;  // what is missing at the end does not come
    must(status, "receive");
    for (int i = 0; i < (durable ? list.Count : 1); ++i) {
      natsMsg* message = durable ? list.Msgs[i] : one;
      uint64_t number;
      memcpy(&number, natsMsg_GetData(message), sizeof number);
      missing += number - next;
      next = number + 1;
      last = now_ns();
      if (first == 0) first = last;
      if (durable) must(natsMsg_Ack(message, NULL), "acknowledge");
    }
    if (durable) natsMsgList_Destroy(&list);
    if (!durable) natsMsg_Destroy(one);
  }
  printf("%f %llu\n", (double)(last - first) / 1e9, (unsigned long long)(missing + count - next));
}

static void subject_of(char* into, size_t size, const char* subject, const char* end) {
  snprintf(into, size, "%s.%s", subject, end);
}

static void echo(const char* url, const char* subject) {
  char there[100];
  char back[100];
  subject_of(there, sizeof there, subject, "there");
  subject_of(back, sizeof back, subject, "back");
  natsConnection* connection = connected(url);
  natsSubscription* subscription = subscribed(connection, there);
  puts("ready");
  fflush(stdout);
  for (;;) {
    natsMsg* message = NULL;
    if (natsSubscription_NextMsg(&message, subscription, 60000) != NATS_OK) return;
    must(natsConnection_Publish(connection, back, natsMsg_GetData(message),
                                natsMsg_GetDataLength(message)),
         "publish");
    natsMsg_Destroy(message);
  }
}

static void ping(const char* url, const char* subject, uint64_t count, int size) {
  char there[100];
  char back[100];
  subject_of(there, sizeof there, subject, "there");
  subject_of(back, sizeof back, subject, "back");
  natsConnection* connection = connected(url);
  natsSubscription* subscription = subscribed(connection, back);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t begin = now_ns();
    natsMsg* message = NULL;
    must(natsConnection_Publish(connection, there, payload, size), "publish");
    must(natsSubscription_NextMsg(&message, subscription, 60000), "receive");
    natsMsg_Destroy(message);
    printf("%llu\n", (unsigned long long)(now_ns() - begin));
  }
}

int main(int argc, char** argv) {
  if (argc == 7 && strcmp(argv[1], "send") == 0) {
    send_all(argv[2], argv[3], strtoull(argv[4], NULL, 10), atoi(argv[5]), argv[6]);
  } else if (argc == 6 && strcmp(argv[1], "receive") == 0) {
    receive_all(argv[2], argv[3], strtoull(argv[4], NULL, 10), strcmp(argv[5], "durable") == 0);
  } else if (argc == 4 && strcmp(argv[1], "echo") == 0) {
    echo(argv[2], argv[3]);
  } else if (argc == 6 && strcmp(argv[1], "ping") == 0) {
    ping(argv[2], argv[3], strtoull(argv[4], NULL, 10), atoi(argv[5]));
  } else {
    return 2;
  }
  return 0;
}
