/* Ends QEMU: what is written to the port of its isa-debug-exit becomes its status, 2 * value + 1.
   The cloud kernel has no /dev/port. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>

enum { PORT = 0xf4 };

int main(int count, char** arguments) {
  if (count != 2 || ioperm(PORT, 1, 1) != 0) {
    perror("power_off STATUS: ioperm");
    return 1;
  }
  outb((unsigned char)atoi(arguments[1]), PORT);
  return 0;
}
