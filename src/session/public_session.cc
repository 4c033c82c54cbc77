// The public C++ interface (include/ortolan/session.h) in terms of the session: a Status becomes an Exception
// here.
#include "ortolan/session.h"

#include <algorithm>

#include "session/session.h"

namespace ortolan {
namespace {

[[noreturn]] void Throw(const Status& status) {
  throw Exception(static_cast<ErrorCode>(status.code()), status.message());
}

template <typename T>
T OrThrow(Result<T> result) {
  if (!result.ok()) Throw(result.status());
  return std::move(*result);
}

session::Options OptionsOf(const SessionOptions& options) {
  session::Options made;
  made.intra_op_threads = options.threads;
  if (!options.optimize) made.optimization_level = session::OptimizationLevel::kDisableAll;
  made.free_dimensions_by_name.assign(options.dimensions.begin(), options.dimensions.end());
  return made;
}

std::vector<NodeArg> NodeArgsOf(const std::vector<import::DeclaredValue>& declared) {
  std::vector<NodeArg> made;
  for (const import::DeclaredValue& value : declared) {
    NodeArg arg{value.name, TypeText(value.type), {}, {}};
    for (const import::DeclaredDim& dim : value.dims) {
      arg.shape.push_back(dim.size);
      arg.symbols.push_back(dim.symbol);
    }
    made.push_back(std::move(arg));
  }
  return made;
}

}  // namespace

Array::Array(ElementType type, std::vector<int64_t> shape) : type_(type), shape_(std::move(shape)) {
  if (!IsDefined(static_cast<int>(type)))
    throw Exception(ErrorCode::kInvalidArgument, "The array has no element type");
  const Tensor tensor =
      OrThrow(Tensor::Allocate(static_cast<DType>(type), Dims(shape_.begin(), shape_.end())));
  data_ = tensor.data();
  owner_ = tensor.owner();
}

Array Array::Borrow(ElementType type, std::vector<int64_t> shape, void* data) {
  Array array;
  array.type_ = type;
  array.shape_ = std::move(shape);
  if (!CheckedCount(array.shape_))
    throw Exception(ErrorCode::kInvalidArgument, "The shape has a negative or absurd size");
  array.data_ = data;
  return array;
}

size_t Array::count() const {
  return static_cast<size_t>(ElementCount(shape_));
}

void Array::CheckType(ElementType type) const {
  if (type == type_) return;
  auto name = [](ElementType t) {
    return IsDefined(static_cast<int>(t)) ? DTypeName(static_cast<DType>(t)) : "none";
  };
  throw Exception(ErrorCode::kInvalidArgument,
                  fmt::format("The array holds elements of type {}, not {}", name(type_), name(type)));
}

void Array::CheckCount(size_t items) const {
  if (items != count()) {
    throw Exception(ErrorCode::kInvalidArgument, fmt::format("An array of shape {} has {} elements, not {}",
                                                             DimsText(shape_), count(), items));
  }
}

struct InferenceSession::Impl {
  std::unique_ptr<session::Session> session;
  std::vector<NodeArg> inputs;
  std::vector<NodeArg> outputs;

  explicit Impl(std::unique_ptr<session::Session> made)
      : session(std::move(made)),
        inputs(NodeArgsOf(session->inputs())),
        outputs(NodeArgsOf(session->outputs())) {}
};

InferenceSession::InferenceSession(const std::string& path, const SessionOptions& options)
    : impl_(std::make_unique<Impl>(OrThrow(session::Session::FromFile(path, OptionsOf(options))))) {}

InferenceSession::InferenceSession(std::span<const std::byte> model, const SessionOptions& options)
    : impl_(
          std::make_unique<Impl>(OrThrow(session::Session::FromBytes(model, nullptr, OptionsOf(options))))) {}

InferenceSession::~InferenceSession() = default;
InferenceSession::InferenceSession(InferenceSession&&) noexcept = default;
InferenceSession& InferenceSession::operator=(InferenceSession&&) noexcept = default;

const std::vector<NodeArg>& InferenceSession::inputs() const {
  return impl_->inputs;
}
const std::vector<NodeArg>& InferenceSession::outputs() const {
  return impl_->outputs;
}
const std::map<std::string, std::string>& InferenceSession::metadata() const {
  return impl_->session->metadata().custom;
}

std::vector<Array> InferenceSession::Run(const std::map<std::string, Array>& feeds) const {
  std::vector<std::string> names;
  for (const NodeArg& output : impl_->outputs) names.push_back(output.name);
  return names.empty() ? std::vector<Array>() : Run(feeds, names);
}

std::vector<Array> InferenceSession::Run(const std::map<std::string, Array>& feeds,
                                         const std::vector<std::string>& outputs) const {
  if (outputs.empty()) return Run(feeds);
  session::Session& session = *impl_->session;
  std::vector<Value> inputs(session.inputs().size() + session.overridable_initializers().size());
  for (const auto& [name, array] : feeds) {
    const int index = session.InputIndex(name);
    if (index < 0) throw Exception(ErrorCode::kInvalidArgument, "Invalid input name: " + name);
    inputs[static_cast<size_t>(index)] =
        Tensor::Wrap(static_cast<DType>(array.type_), Dims(array.shape_.begin(), array.shape_.end()),
                     array.data_, array.owner_);
  }
  std::vector<int> wanted;
  for (const std::string& name : outputs) {
    wanted.push_back(session.OutputIndex(name));
    if (wanted.back() < 0) throw Exception(ErrorCode::kInvalidArgument, "Invalid output name: " + name);
  }
  std::vector<Value> results(wanted.size());
  if (const Status status = session.Run(inputs, wanted, {}, results); !status.ok()) Throw(status);
  std::vector<Array> arrays;
  for (const Value& result : results) {
    if (result.kind() != Value::Kind::kTensor) {
      throw Exception(ErrorCode::kNotImplemented,
                      "An output that is no tensor cannot be returned as an Array");
    }
    const Tensor& tensor = result.tensor();
    Array& array = arrays.emplace_back();
    array.type_ = static_cast<ElementType>(tensor.dtype());
    array.shape_.assign(tensor.dims().begin(), tensor.dims().end());
    array.data_ = tensor.data();
    array.owner_ = tensor.owner();
  }
  return arrays;
}

}  // namespace ortolan
