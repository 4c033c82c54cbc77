import onnxruntime as ort
import numpy as np
from PIL import Image

def predict_with_onnx(onnx_model_path, image_path):
    # 1. Load the ONNX model.
    ort_session = ort.InferenceSession(onnx_model_path)

    # 2. Get model input details
    input_name = ort_session.get_inputs()[0].name
    input_shape = ort_session.get_inputs()[0].shape

    # 3. Preprocess the image
    img = Image.open(image_path).resize((input_shape[2], input_shape[3]))
    img_np = np.array(img).astype(np.float32)
    img_np = np.transpose(img_np, (2, 0, 1)) # Channels first
    img_np = np.expand_dims(img_np, axis=0)  # Add batch dimension

    # 4. Run inference
    ort_inputs = {input_name: img_np}
    ort_outputs = ort_session.run(None, ort_inputs)

    # 5. Get model output details
    output_name = ort_session.get_outputs()[0].name

    # 6. Process the output
    predictions = ort_outputs[0]

    return predictions

if __name__ == '__main__':
    # Example usage, assuming you have 'model.onnx' and 'test_image.jpg'
    model_path = 'model.onnx' # Replace with actual path
    image_path = 'test_image.jpg' # Replace with actual path
    predictions = predict_with_onnx(model_path, image_path)

    # Now you can interpret the predictions (e.g., argmax for the highest probability class)
    predicted_class = np.argmax(predictions)
    print(f"Predicted class: {predicted_class}")
    print("Raw predictions:")
    print(predictions)

