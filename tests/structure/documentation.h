/* What the blocks of C in the documentation may use without saying where it comes from. */
#ifndef RINGBELL_TESTS_STRUCTURE_DOCUMENTATION_H
#define RINGBELL_TESTS_STRUCTURE_DOCUMENTATION_H

#include <stdio.h>
#include <string.h>

#include <ringbell/ringbell.h>

#define DOCUMENTED ringbell_sender *sender, ringbell_receiver *receiver, ringbell_error error

#endif
