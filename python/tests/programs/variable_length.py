import onnxruntime as ort
import numpy as np

def predict_with_variable_input(onnx_model_path, variable_length_data):
    # 1. Load the ONNX model
    ort_session = ort.InferenceSession(onnx_model_path)

     # 2. Get input details
    input_name = ort_session.get_inputs()[0].name
    input_shape = ort_session.get_inputs()[0].shape
    
    # 3. Prepare input data.
    # Assume that our data is 2D, but could have varied sequence length.
    input_data = np.array(variable_length_data).astype(np.float32)

    # 4. Infer the batch size if needed
    input_data = np.expand_dims(input_data, axis=0)

    #Check the shape for debugging.
    print(f"Input data shape:{input_data.shape}")


    # 5. Run Inference
    ort_inputs = {input_name: input_data}
    ort_outputs = ort_session.run(None, ort_inputs)
    
    #6. Process output
    predictions = ort_outputs[0]
    return predictions


if __name__ == '__main__':
    # Example usage.
    model_path = 'variable_length_model.onnx'  # Replace with your model path
    variable_data_1 = np.random.rand(50,10) # variable length sequence data.
    variable_data_2 = np.random.rand(100,10)  # another variable length sequence data.

    predictions_1 = predict_with_variable_input(model_path, variable_data_1)
    predictions_2 = predict_with_variable_input(model_path, variable_data_2)

    print(f"Predictions for sequence 1 : {predictions_1.shape}")
    print(f"Predictions for sequence 2 : {predictions_2.shape}")
