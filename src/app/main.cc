// capstan: one program for the whole lifecycle.

#include "app/command_line.h"

int main(int argc, char** argv) {
    return capstan::app::run_command_line(argc, argv);
}
