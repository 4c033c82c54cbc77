import onnxruntime as ort
import numpy as np

def predict_multimodal_onnx(onnx_model_path, image_data, metadata):
    # 1. Load the ONNX model.
    ort_session = ort.InferenceSession(onnx_model_path)

    # 2. Identify input names and shapes
    input_names = [inp.name for inp in ort_session.get_inputs()]
    input_shapes = [inp.shape for inp in ort_session.get_inputs()]

    # 3. Prepare inputs (assuming image and metadata input).
    #  Note: You'd need to adapt this based on your actual inputs.
    # Here, I am creating a random tensor for image data and metadata.
    # This should be replaced with actual preprocessed data.
    input_data_1 = np.array(image_data).astype(np.float32)
    input_data_2 = np.array(metadata).astype(np.float32)

    # Reshape the input data
    input_data_1 = input_data_1.reshape(input_shapes[0])
    input_data_2 = input_data_2.reshape(input_shapes[1])

    # 4. Run inference using a dictionary to map input names to data
    ort_inputs = {input_names[0]: input_data_1,
                  input_names[1]: input_data_2}
    ort_outputs = ort_session.run(None, ort_inputs)

    # 5. Process the outputs
    output_names = [output.name for output in ort_session.get_outputs()]

    #6. Return a dictionary mapping output names to output data.
    output_dict = dict(zip(output_names, ort_outputs))

    return output_dict

if __name__ == '__main__':
    # Example usage
    model_path = 'multimodal_model.onnx'
    image_data = np.random.rand(1, 3, 256, 256)
    metadata = np.random.rand(1, 10)
    output_dict = predict_multimodal_onnx(model_path, image_data, metadata)

    # You can now access outputs by their names
    print(f"Output 1: {output_dict.get('output_mask')}")
    print(f"Output 2: {output_dict.get('confidence_map')}")
