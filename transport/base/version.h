/* The version of ringbell, for C and C++ (semver.org). While MAJOR is 0, a new MINOR may change the
   API and the layout of shared memory; from 1 on only a new MAJOR may. Processes whose layout
   differs refuse to share a region, with an error that says so. */
#ifndef RINGBELL_VERSION_H
#define RINGBELL_VERSION_H

#define RINGBELL_VERSION_MAJOR 0
#define RINGBELL_VERSION_MINOR 1
#define RINGBELL_VERSION_PATCH 0

#endif
