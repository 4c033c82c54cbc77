// What operators the engine knows, for people and programs that ask.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ortolan::session {

struct OperatorFacts {
  struct Parameter {
    std::string name;
    std::string type;  // the name of a type constraint, or a type
    int arity = 0;     // 0 once, 1 at most once, 2 any number of times
  };

  std::string domain;
  std::string name;
  std::vector<int> versions;  // rising; the other facts are those of the last one
  std::vector<Parameter> inputs;
  std::vector<Parameter> outputs;
  std::vector<std::pair<std::string, std::vector<std::string>>> types;  // "T": "tensor(float)", ...
  std::vector<std::string> attributes;
};

// Every operator that a file can name.
std::vector<OperatorFacts> KnownOperators();

}  // namespace ortolan::session
