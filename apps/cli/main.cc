// Entry of the `ortolan` command.
int main() { return 0; }
