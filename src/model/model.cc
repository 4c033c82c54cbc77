// The parser. protozero walks the wire format and throws on malformed bytes; nothing here lets an exception
// out.
//
// Like protobuf's parser, a known field with another wire type is an unknown field and skipped, a repeated
// singular field overwrites (messages merge), and wire types that do not exist are errors.
#include "model/model.h"

#include <sys/stat.h>

#include <cstring>
#include <new>
#include <protozero/pbf_reader.hpp>

namespace ortolan::model {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// Cases of the switches below: field number and wire type in one word.
constexpr uint32_t Varint(uint32_t field) {
  return protozero::tag_and_type(field, pbf_wire_type::varint);
}
constexpr uint32_t Bytes(uint32_t field) {
  return protozero::tag_and_type(field, pbf_wire_type::length_delimited);
}
constexpr uint32_t Fixed32(uint32_t field) {
  return protozero::tag_and_type(field, pbf_wire_type::fixed32);
}

struct TooDeep {};

class Level {
 public:
  explicit Level(int* depth) : depth_(depth) {
    if (++*depth_ > kMostNesting) {
      --*depth_;
      throw TooDeep{};
    }
  }
  ~Level() { --*depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  int* depth_;
};

std::string_view Text(pbf_reader& reader) {
  const protozero::data_view view = reader.get_view();
  return {view.data(), view.size()};
}

int32_t Enum(pbf_reader& reader) {
  return static_cast<int32_t>(reader.get_int64());
}

void AppendPackedInts(pbf_reader& reader, std::vector<int64_t>* out) {
  for (const int64_t item : reader.get_packed_int64()) out->push_back(item);
}

void AppendPackedFloats(pbf_reader& reader, std::vector<float>* out) {
  const std::string_view bytes = Text(reader);
  if (bytes.size() % sizeof(float) != 0) throw protozero::invalid_length_exception{};
  const size_t before = out->size();
  out->resize(before + bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(out->data() + before, bytes.data(), bytes.size());
}

class Parser {
 public:
  void Model(pbf_reader reader, ModelView* model, bool* has_graph);

 private:
  void Graph(pbf_reader reader, GraphView* graph);
  void Node(pbf_reader reader, NodeView* node);
  void Attribute(pbf_reader reader, AttributeView* attribute);
  void Function(pbf_reader reader, FunctionView* function);
  void ValueInfo(pbf_reader reader, ValueInfoView* info);
  void Type(pbf_reader reader, TypeView* type);
  void InnerType(pbf_reader reader, TypeView::Kind kind, TypeView* type);

  int graph_depth_ = 0;
  int type_depth_ = 0;
};

StringPair Pair(pbf_reader reader) {
  StringPair pair;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        pair.key = Text(reader);
        break;
      case Bytes(2):
        pair.value = Text(reader);
        break;
      default:
        reader.skip();
    }
  }
  return pair;
}

OpsetImport Opset(pbf_reader reader) {
  OpsetImport opset;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        opset.domain = Text(reader);
        break;
      case Varint(2):
        opset.version = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
  return opset;
}

void TensorMessage(pbf_reader reader, TensorView* tensor) {
  const protozero::data_view whole = reader.data();
  tensor->message = {whole.data(), whole.size()};
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        AppendPackedInts(reader, &tensor->dims);
        break;
      case Varint(1):
        tensor->dims.push_back(reader.get_int64());
        break;
      case Varint(2):
        tensor->data_type = Enum(reader);
        break;
      case Bytes(3):
        tensor->has_segment = true;
        reader.skip();
        break;
      case Bytes(8):
        tensor->name = Text(reader);
        break;
      case Bytes(9):
        tensor->raw = Text(reader);
        tensor->has_raw = true;
        break;
      case Bytes(13):
        tensor->external_data.push_back(Pair(reader.get_message()));
        break;
      case Varint(14):
        tensor->external = Enum(reader) == 1;
        break;
      default:
        reader.skip();
    }
  }
}

void SparseTensorMessage(pbf_reader reader, SparseTensorView* sparse) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        sparse->values = {};
        TensorMessage(reader.get_message(), &sparse->values);
        break;
      case Bytes(2):
        sparse->indices = {};
        TensorMessage(reader.get_message(), &sparse->indices);
        break;
      case Bytes(3):
        AppendPackedInts(reader, &sparse->dims);
        break;
      case Varint(3):
        sparse->dims.push_back(reader.get_int64());
        break;
      default:
        reader.skip();
    }
  }
}

DimView Dimension(pbf_reader reader) {
  DimView dim;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        dim.kind = DimView::Kind::kValue;
        dim.value = reader.get_int64();
        break;
      case Bytes(2):
        dim.kind = DimView::Kind::kSymbol;
        dim.symbol = Text(reader);
        break;
      case Bytes(3):
        dim.denotation = Text(reader);
        break;
      default:
        reader.skip();
    }
  }
  // Exporters write an empty symbol for "unknown".
  if (dim.kind == DimView::Kind::kSymbol && dim.symbol.empty()) dim.kind = DimView::Kind::kUnknown;
  return dim;
}

void TensorShape(pbf_reader reader, TypeView* type) {
  type->has_shape = true;
  while (reader.next(1, pbf_wire_type::length_delimited))
    type->dims.push_back(Dimension(reader.get_message()));
}

void TensorType(pbf_reader reader, TypeView::Kind kind, TypeView* type) {
  type->kind = kind;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        type->dtype = Enum(reader);
        break;
      case Bytes(2):
        TensorShape(reader.get_message(), type);
        break;
      default:
        reader.skip();
    }
  }
}

// The element types of sequences and optionals are field 1; a map has its key there and its value in field 2.
void Parser::InnerType(pbf_reader reader, TypeView::Kind kind, TypeView* type) {
  type->kind = kind;
  const uint32_t inner_field = kind == TypeView::Kind::kMap ? 2 : 1;
  while (reader.next()) {
    if (reader.tag_and_type() == Bytes(inner_field)) {
      if (type->inner == nullptr) type->inner = std::make_unique<TypeView>();
      Type(reader.get_message(), type->inner.get());
    } else if (kind == TypeView::Kind::kMap && reader.tag_and_type() == Varint(1)) {
      type->dtype = Enum(reader);
    } else {
      reader.skip();
    }
  }
}

void Parser::Type(pbf_reader reader, TypeView* type) {
  const Level level(&type_depth_);
  // A field of another kind replaces what was there; one of the same kind merges with it.
  const auto become = [type](TypeView::Kind kind) {
    if (type->kind == kind) return;
    const std::string_view denotation = type->denotation;
    *type = {};
    type->denotation = denotation;
  };
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        become(TypeView::Kind::kTensor);
        TensorType(reader.get_message(), TypeView::Kind::kTensor, type);
        break;
      case Bytes(4):
        become(TypeView::Kind::kSequence);
        InnerType(reader.get_message(), TypeView::Kind::kSequence, type);
        break;
      case Bytes(5):
        become(TypeView::Kind::kMap);
        InnerType(reader.get_message(), TypeView::Kind::kMap, type);
        break;
      case Bytes(6):
        type->denotation = Text(reader);
        break;
      case Bytes(7):
        become(TypeView::Kind::kOpaque);
        type->kind = TypeView::Kind::kOpaque;
        reader.skip();
        break;
      case Bytes(8):
        become(TypeView::Kind::kSparseTensor);
        TensorType(reader.get_message(), TypeView::Kind::kSparseTensor, type);
        break;
      case Bytes(9):
        become(TypeView::Kind::kOptional);
        InnerType(reader.get_message(), TypeView::Kind::kOptional, type);
        break;
      default:
        reader.skip();
    }
  }
}

void Parser::ValueInfo(pbf_reader reader, ValueInfoView* info) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        info->name = Text(reader);
        break;
      case Bytes(2):
        Type(reader.get_message(), &info->type);
        break;
      default:
        reader.skip();
    }
  }
}

// Models of IR 1 and 2 may leave the type out; then the field that is there tells.
AttributeKind KindOfFields(const AttributeView& attribute, AttributeKind scalar) {
  if (!attribute.floats.empty()) return AttributeKind::kFloats;
  if (!attribute.ints.empty()) return AttributeKind::kInts;
  if (!attribute.strings.empty()) return AttributeKind::kStrings;
  if (const AttributeObjects* objects = attribute.objects.get()) {
    if (!objects->tensor.empty()) return AttributeKind::kTensor;
    if (!objects->graph.empty()) return AttributeKind::kGraph;
    if (!objects->tensors.empty()) return AttributeKind::kTensors;
    if (!objects->graphs.empty()) return AttributeKind::kGraphs;
    if (!objects->sparse_tensor.empty()) return AttributeKind::kSparseTensor;
    if (!objects->sparse_tensors.empty()) return AttributeKind::kSparseTensors;
    if (!objects->type.empty()) return AttributeKind::kType;
    if (!objects->types.empty()) return AttributeKind::kTypes;
  }
  return scalar;
}

void Parser::Attribute(pbf_reader reader, AttributeView* attribute) {
  AttributeKind scalar = AttributeKind::kUndefined;
  const auto objects = [attribute]() -> AttributeObjects& {
    if (attribute->objects == nullptr) attribute->objects = std::make_unique<AttributeObjects>();
    return *attribute->objects;
  };
  const auto single = [](auto& list) {
    list.clear();
    return &list.emplace_back();
  };
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        attribute->name = Text(reader);
        break;
      case Fixed32(2):
        attribute->f = reader.get_float();
        scalar = AttributeKind::kFloat;
        break;
      case Varint(3):
        attribute->i = reader.get_int64();
        scalar = AttributeKind::kInt;
        break;
      case Bytes(4):
        attribute->s = Text(reader);
        scalar = AttributeKind::kString;
        break;
      case Bytes(5):
        TensorMessage(reader.get_message(), single(objects().tensor));
        break;
      case Bytes(6):
        Graph(reader.get_message(), single(objects().graph));
        break;
      case Bytes(7):
        AppendPackedFloats(reader, &attribute->floats);
        break;
      case Fixed32(7):
        attribute->floats.push_back(reader.get_float());
        break;
      case Bytes(8):
        AppendPackedInts(reader, &attribute->ints);
        break;
      case Varint(8):
        attribute->ints.push_back(reader.get_int64());
        break;
      case Bytes(9):
        attribute->strings.push_back(Text(reader));
        break;
      case Bytes(10):
        TensorMessage(reader.get_message(), &objects().tensors.emplace_back());
        break;
      case Bytes(11):
        Graph(reader.get_message(), &objects().graphs.emplace_back());
        break;
      case Bytes(14):
        Type(reader.get_message(), single(objects().type));
        break;
      case Bytes(15):
        Type(reader.get_message(), &objects().types.emplace_back());
        break;
      case Varint(20):
        attribute->kind = static_cast<AttributeKind>(Enum(reader));
        break;
      case Bytes(21):
        attribute->ref_name = Text(reader);
        break;
      case Bytes(22):
        SparseTensorMessage(reader.get_message(), single(objects().sparse_tensor));
        break;
      case Bytes(23):
        SparseTensorMessage(reader.get_message(), &objects().sparse_tensors.emplace_back());
        break;
      default:
        reader.skip();
    }
  }
  if (attribute->kind == AttributeKind::kUndefined) attribute->kind = KindOfFields(*attribute, scalar);
}

void Parser::Node(pbf_reader reader, NodeView* node) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        node->inputs.push_back(Text(reader));
        break;
      case Bytes(2):
        node->outputs.push_back(Text(reader));
        break;
      case Bytes(3):
        node->name = Text(reader);
        break;
      case Bytes(4):
        node->op_type = Text(reader);
        break;
      case Bytes(5):
        Attribute(reader.get_message(), &node->attributes.emplace_back());
        break;
      case Bytes(7):
        node->domain = Text(reader);
        break;
      case Bytes(8):
        node->overload = Text(reader);
        break;
      default:
        reader.skip();
    }
  }
}

void Parser::Graph(pbf_reader reader, GraphView* graph) {
  const Level level(&graph_depth_);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        Node(reader.get_message(), &graph->nodes.emplace_back());
        break;
      case Bytes(2):
        graph->name = Text(reader);
        break;
      case Bytes(5):
        TensorMessage(reader.get_message(), &graph->initializers.emplace_back());
        break;
      case Bytes(10):
        graph->doc_string = Text(reader);
        break;
      case Bytes(11):
        ValueInfo(reader.get_message(), &graph->inputs.emplace_back());
        break;
      case Bytes(12):
        ValueInfo(reader.get_message(), &graph->outputs.emplace_back());
        break;
      case Bytes(13):
        ValueInfo(reader.get_message(), &graph->value_info.emplace_back());
        break;
      case Bytes(15):
        SparseTensorMessage(reader.get_message(), &graph->sparse_initializers.emplace_back());
        break;
      default:
        reader.skip();
    }
  }
}

void Parser::Function(pbf_reader reader, FunctionView* function) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Bytes(1):
        function->name = Text(reader);
        break;
      case Bytes(4):
        function->inputs.push_back(Text(reader));
        break;
      case Bytes(5):
        function->outputs.push_back(Text(reader));
        break;
      case Bytes(6):
        function->attributes.push_back(Text(reader));
        break;
      case Bytes(7):
        Node(reader.get_message(), &function->nodes.emplace_back());
        break;
      case Bytes(9):
        function->opset_imports.push_back(Opset(reader.get_message()));
        break;
      case Bytes(10):
        function->domain = Text(reader);
        break;
      case Bytes(11):
        Attribute(reader.get_message(), &function->default_attributes.emplace_back());
        break;
      case Bytes(13):
        function->overload = Text(reader);
        break;
      default:
        reader.skip();
    }
  }
}

void Parser::Model(pbf_reader reader, ModelView* model, bool* has_graph) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Varint(1):
        model->ir_version = reader.get_int64();
        break;
      case Bytes(2):
        model->producer_name = Text(reader);
        break;
      case Bytes(3):
        model->producer_version = Text(reader);
        break;
      case Bytes(4):
        model->domain = Text(reader);
        break;
      case Varint(5):
        model->model_version = reader.get_int64();
        break;
      case Bytes(6):
        model->doc_string = Text(reader);
        break;
      case Bytes(7):
        *has_graph = true;
        Graph(reader.get_message(), &model->graph);
        break;
      case Bytes(8):
        model->opset_imports.push_back(Opset(reader.get_message()));
        break;
      case Bytes(14):
        model->metadata.push_back(Pair(reader.get_message()));
        break;
      case Bytes(25):
        Function(reader.get_message(), &model->functions.emplace_back());
        break;
      default:
        reader.skip();
    }
  }
}

// What the errors of both entries have in common; `prefix` names the file.
Status Parse(std::span<const std::byte> bytes, std::string_view prefix, std::string_view malformed,
             ModelView* model) {
  bool has_graph = false;
  try {
    Parser().Model(pbf_reader(reinterpret_cast<const char*>(bytes.data()), bytes.size()), model, &has_graph);
  } catch (const protozero::exception&) {
    return Error(StatusCode::kInvalidProtobuf, "{}{}", prefix, malformed);
  } catch (const TooDeep&) {
    return Error(StatusCode::kInvalidProtobuf, "{}{} Graphs or types are nested deeper than {}.", prefix,
                 malformed, kMostNesting);
  } catch (const std::bad_alloc&) {
    return Fail("{}Out of memory while reading the protobuf.", prefix);
  } catch (const std::length_error&) {
    return Fail("{}Out of memory while reading the protobuf.", prefix);
  }
  if (!has_graph) return InvalidArgument("{}No graph was found in the protobuf.", prefix);
  return OkStatus();
}

bool IsDirectory(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

}  // namespace

Result<ModelView> OpenModel(const std::string& path) {
  const std::string prefix = fmt::format("Load model from {} failed:", path);
  constexpr std::string_view kMalformed = "Protobuf parsing failed.";
  // open() would follow a name up to its first zero byte.
  if (path.find('\0') != std::string::npos)
    return InvalidArgument("{}The path has a zero byte in it.", prefix);
  if (IsDirectory(path)) return Error(StatusCode::kInvalidProtobuf, "{}{}", prefix, kMalformed);
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::Open(path);
  if (!file.ok()) {
    const Status status = std::move(file).status();
    if (status.code() == StatusCode::kNoSuchFile) {
      return Error(StatusCode::kNoSuchFile, "{}Load model {} failed. File doesn't exist", prefix, path);
    }
    return Error(status.code(), "{}{}", prefix, status.message());
  }
  ModelView model;
  ORTOLAN_RETURN_IF_ERROR(Parse((*file)->bytes(), prefix, kMalformed, &model));
  model.bytes = (*file)->bytes();
  model.path = path;
  model.owner = *file;
  model.file = *file;
  return model;
}

Result<ModelView> ParseModel(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  ModelView model;
  ORTOLAN_RETURN_IF_ERROR(Parse(bytes, "", "Failed to load model because protobuf parsing failed.", &model));
  model.bytes = bytes;
  model.owner = std::move(owner);
  return model;
}

}  // namespace ortolan::model
