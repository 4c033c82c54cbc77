// Names what a picture shows: classify MODEL PICTURE
#include <ortolan/vision.h>

#include <iostream>
#include <string>

int main(int argc, char** argv) try {
  if (argc != 3) return std::cerr << "usage: classify MODEL PICTURE\n", 2;
  const ortolan::vision::Classifier classifier(argv[1]);
  for (const auto& entry : classifier.Predict(std::string(argv[2]), 3).top)
    std::cout << entry.label << ' ' << entry.probability << '\n';
} catch (const ortolan::Exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
