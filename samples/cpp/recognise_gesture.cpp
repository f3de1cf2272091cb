// Recognise one gesture: recognise_gesture MODEL.xml FRAMES.rgb
// FRAMES.rgb holds as many RGB frames as the model takes, of its size, one byte a value, as ffmpeg writes them with -f rawvideo -pix_fmt rgb24.
#include <algorithm>
#include <cmath>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <openvino/openvino.hpp>
#include <sstream>
#include <string>
#include <vector>

static std::string info(const std::shared_ptr<ov::Model>& model, const std::string& key) {
    if (!model->has_rt_info("model_info", key)) throw std::runtime_error("the model does not state its " + key);
    return model->get_rt_info<std::string>("model_info", key);
}

static int run(const std::string& model_path, const std::string& frames_path) {
    ov::Core core;
    auto model = core.read_model(model_path);
    std::istringstream names(info(model, "labels"));
    const std::vector<std::string> labels{std::istream_iterator<std::string>(names), {}};
    const double scale = std::stod(info(model, "score_scale")) / std::stod(info(model, "temperature"));
    const bool is_bgr = info(model, "color_order") == "BGR";
    if (info(model, "normalization") != "embedded") throw std::runtime_error("the model expects normalised frames");

    ov::preprocess::PrePostProcessor steps(model);  // bytes (1, frames, height, width, 3) instead of floats (1, 3, frames, height, width)
    steps.input().tensor().set_element_type(ov::element::u8).set_layout("NDHWC");
    steps.input().model().set_layout("NCDHW");
    if (is_bgr) steps.input().preprocess().reverse_channels();
    model = steps.build();
    auto request = core.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32)).create_infer_request();

    ov::Tensor clip = request.get_input_tensor();
    std::ifstream file(frames_path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.size() != clip.get_byte_size()) {
        throw std::runtime_error(frames_path + " has " + std::to_string(bytes.size()) + " bytes, the model takes " +
                                 std::to_string(clip.get_byte_size()));
    }
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(clip.data<uint8_t>()));
    request.infer();

    const float* cosine = request.get_output_tensor().data<float>();
    const size_t best = std::max_element(cosine, cosine + labels.size()) - cosine;
    double sum = 0.0;
    for (size_t i = 0; i < labels.size(); ++i) sum += std::exp(scale * (cosine[i] - cosine[best]));
    std::cout << labels[best] << " " << 1.0 / sum << std::endl;
    return 0;
}

int main(int argc, char** argv) try {
    if (argc == 3) return run(argv[1], argv[2]);
    std::cerr << "usage: recognise_gesture MODEL.xml FRAMES.rgb" << std::endl;
    return 2;
} catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << std::endl;
    return 2;
}
