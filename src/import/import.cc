#include "import/import.h"

#include <unordered_set>

#include "import/builder.h"
#include "import/functions.h"
#include "import/opsets.h"
#include "import/types.h"

namespace ortolan::import {
namespace {

using graph::Value;

// "{2,N}", as onnxruntime writes shapes in messages.
std::string Braced(const graph::Shape& shape) {
  std::string text = graph::ShapeText(shape);
  if (!text.empty() && text.front() == '[') {
    text.front() = '{';
    text.back() = '}';
  }
  return text;
}

class ModelImporter {
 public:
  ModelImporter(const model::ModelView& model, const ImportOptions& options)
      : model_(model), options_(options), tensors_(model, options.external_folder) {}

  Result<ImportedModel> Run();

 private:
  void ReadMetadata();
  Status AddInputs();
  Status AddOverridables();
  Result<Tensor> DefaultOf(const model::TensorView& initializer);
  Status AddOutputs();
  void WarnOfDeclarations();

  const model::ModelView& model_;
  const ImportOptions& options_;
  model::TensorReader tensors_;
  FreeDimensions free_;
  ImportedModel made_;
  Builder::Scope scope_;
  std::unordered_set<std::string_view> initialized_;
  std::unordered_map<std::string_view, const model::TensorView*> initializers_;
};

void ModelImporter::ReadMetadata() {
  Metadata& metadata = made_.metadata;
  metadata.producer_name = model_.producer_name;
  metadata.graph_name = model_.graph.name;
  metadata.domain = model_.domain;
  metadata.description = model_.doc_string;
  metadata.graph_description = model_.graph.doc_string;
  if (model_.model_version) metadata.version = *model_.model_version;
  for (const model::StringPair& pair : model_.metadata) {
    metadata.custom.insert_or_assign(std::string(pair.key), std::string(pair.value));
  }
}

// Graph inputs that are not initializers. Before IR 4 every initializer stood among the inputs and was
// constant.
Status ModelImporter::AddInputs() {
  for (const auto& tensor : model_.graph.initializers) {
    initialized_.insert(tensor.name);
    initializers_[tensor.name] = &tensor;
  }
  for (const auto& sparse : model_.graph.sparse_initializers) initialized_.insert(sparse.values.name);
  for (const model::ValueInfoView& info : model_.graph.inputs) {
    if (initialized_.contains(info.name)) continue;
    ORTOLAN_ASSIGN_OR_RETURN(DeclaredValue declared, Declare(info, free_));
    if (!declared.type.known()) {
      return InvalidGraph("This is an invalid model. Graph input ({}) does not have type information.",
                          info.name);
    }
    Value* value = made_.graph->NewValue(declared.name);
    value->type = declared.type;
    const bool any_rank = options_.scalars_of_any_rank && declared.IsScalar();
    if (declared.type.IsTensor() && !any_rank) value->shape = ToShape(declared, *made_.graph->dims());
    made_.graph->AddInput(value);
    const Status defined = Builder::Define(scope_, info.name, value);
    if (!defined.ok())
      return Fail("This is an invalid model. Error: Duplicate definition-site for ({}).", info.name);
    made_.inputs.push_back(std::move(declared));
  }
  return OkStatus();
}

// The elements that a run takes where nothing is fed, in memory of their own: the file may be overwritten.
Result<Tensor> ModelImporter::DefaultOf(const model::TensorView& initializer) {
  for (const auto& [name, tensor] : options_.initializers) {
    if (name == initializer.name) return tensor;
  }
  ORTOLAN_ASSIGN_OR_RETURN(const Tensor tensor, tensors_.Read(initializer));
  return tensor.borrowed() ? tensor.Copied() : tensor;
}

// Initializers that are inputs, too, from IR 4 on: feeds may replace them. They are added by their
// declaration, which a feed has to match, when they are to be inputs, and as constants otherwise.
Status ModelImporter::AddOverridables() {
  if (model_.ir_version < 4) return OkStatus();
  for (const model::ValueInfoView& info : model_.graph.inputs) {
    const auto initializer = initializers_.find(info.name);
    if (initializer == initializers_.end()) continue;
    ORTOLAN_ASSIGN_OR_RETURN(DeclaredValue declared, Declare(info, free_));
    const ValueType type = IsDefined(initializer->second->data_type)
                               ? ValueType::TensorOf(static_cast<DType>(initializer->second->data_type))
                               : ValueType{};
    if (!declared.type.known()) declared.type = type;
    if (!(declared.type == type)) {
      return Fail("Type Error: Type ({}) of initializer ({}) does not match expected type ({}).",
                  TypeText(type), info.name, TypeText(declared.type));
    }
    if (!declared.has_rank) {
      declared.has_rank = true;
      for (const int64_t dim : initializer->second->dims) declared.dims.push_back({dim, {}});
    }
    if (options_.overridable_as_inputs && !scope_.names.contains(info.name)) {
      Value* value = made_.graph->NewValue(declared.name);
      value->type = declared.type;
      value->shape = ToShape(declared, *made_.graph->dims());
      made_.graph->AddInput(value);
      scope_.names.emplace(info.name, value);
      ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, DefaultOf(*initializer->second));
      made_.overridable_defaults.push_back(std::move(tensor));
    }
    made_.overridable.push_back(std::move(declared));
  }
  return OkStatus();
}

Status ModelImporter::AddOutputs() {
  for (const model::ValueInfoView& info : model_.graph.outputs) {
    const auto found = scope_.names.find(info.name);
    if (found == scope_.names.end() || found->second == nullptr) {
      return InvalidGraph("This is an invalid model. Graph output ({}) does not exist in the graph.",
                          info.name);
    }
    Value* value = found->second;
    ORTOLAN_ASSIGN_OR_RETURN(DeclaredValue declared, Declare(info, free_));
    const graph::Shape before = ToShape(declared, *made_.graph->dims());
    if (Complete(declared, value->type, value->shape, *made_.graph->dims())) {
      made_.warnings.push_back(fmt::format(
          "Error merging shape info for output. '{}' source:{} target:{}. Falling back to lenient merge.",
          info.name, Braced(value->shape), Braced(before)));
    }
    made_.graph->AddOutput(value);
    made_.outputs.push_back(std::move(declared));
  }
  return OkStatus();
}

// What the file says of values between nodes is not used for shapes; where it contradicts them the user
// hears.
void ModelImporter::WarnOfDeclarations() {
  for (const model::ValueInfoView& info : model_.graph.value_info) {
    const auto found = scope_.names.find(info.name);
    if (found == scope_.names.end() || found->second == nullptr) continue;
    Result<DeclaredValue> declared = Declare(info, free_);
    if (!declared.ok()) continue;
    const Value& value = *found->second;
    const graph::Shape before = ToShape(*declared, *made_.graph->dims());
    if (Complete(*declared, value.type, value.shape, *made_.graph->dims())) {
      made_.warnings.push_back(fmt::format(
          "Error merging shape info for output. '{}' source:{} target:{}. Falling back to lenient merge.",
          info.name, Braced(value.shape), Braced(before)));
    }
  }
}

Result<ImportedModel> ModelImporter::Run() {
  if (model_.ir_version > kNewestIr) {
    return Fail("Unsupported model IR version: {}, max supported IR version: {}", model_.ir_version,
                kNewestIr);
  }
  if (model_.ir_version < 1) return Fail("Missing model IR version.");
  if (model_.opset_imports.empty() && model_.ir_version >= 3) {
    return Fail(
        "Missing opset in the model. All ModelProtos MUST have at least one entry that specifies which "
        "version of the "
        "ONNX OperatorSet is being imported.");
  }
  std::vector<model::OpsetImport> imports = model_.opset_imports;
  if (imports.empty()) imports.push_back({"", 1});
  ORTOLAN_ASSIGN_OR_RETURN(const Opsets opsets,
                           Opsets::Of(imports, options_.allow_unreleased_opsets, &made_.warnings));
  ORTOLAN_ASSIGN_OR_RETURN(const Functions functions,
                           Functions::Of(model_, opsets, options_.allow_unreleased_opsets, &made_.warnings));
  ORTOLAN_ASSIGN_OR_RETURN(free_, FreeDimensions::Of(options_));

  ReadMetadata();
  made_.graph = std::make_shared<graph::Graph>(std::make_shared<graph::DimPool>());
  made_.graph->name = model_.graph.name;
  Builder::Frame frame;
  frame.opsets = &opsets;
  scope_.graph = made_.graph.get();
  scope_.frame = &frame;
  Builder::Declare(model_.graph, scope_);
  Builder builder(options_, free_, functions, tensors_);
  ORTOLAN_RETURN_IF_ERROR(AddInputs());
  ORTOLAN_RETURN_IF_ERROR(AddOverridables());
  ORTOLAN_RETURN_IF_ERROR(builder.AddInitializers(model_.graph, scope_));
  ORTOLAN_RETURN_IF_ERROR(builder.AddNodes(model_.graph.nodes, scope_));
  ORTOLAN_RETURN_IF_ERROR(AddOutputs());
  WarnOfDeclarations();
  made_.external_files = tensors_.files();
  return std::move(made_);
}

}  // namespace

Result<ImportedModel> Import(const model::ModelView& model, const ImportOptions& options) {
  Result<ImportedModel> made = ModelImporter(model, options).Run();
  if (made.ok() || model.path.empty()) return made;
  const Status status = std::move(made).status();
  return Error(status.code(), "Load model from {} failed:{}", model.path, status.message());
}

}  // namespace ortolan::import
