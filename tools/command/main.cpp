#include "tools/command/application.hpp"

int main(int argc, char** argv) { return ringbell::tools::run_command(argc, argv); }
