// Recognise one gesture: recognise_gesture MODEL.xml FRAMES.rgb [640x480 [PIXELS.rgb]]
// FRAMES.rgb holds as many RGB frames as the model takes, one byte a value, as ffmpeg writes them with -f rawvideo -pix_fmt rgb24.
// With a third argument the frames have that size, as the film. Without it they are already what the network sees.
// PIXELS.rgb gets the pixels that the network sees.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <openvino/openvino.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "pixels.hpp"

static std::string info(const std::shared_ptr<ov::Model>& model, const std::string& key) {
    if (!model->has_rt_info("model_info", key)) throw std::runtime_error("the model does not state its " + key);
    return model->get_rt_info<std::string>("model_info", key);
}

static void refuse_other_models(const std::shared_ptr<ov::Model>& model) {
    const auto states = [&](const std::string& key) { return model->has_rt_info("model_info", key) && !info(model, key).empty(); };
    if (states("landmarks")) throw std::runtime_error("the model takes landmarks of hands, this program has frames");
    if (states("stream")) throw std::runtime_error("the model takes a stream call by call, this program has a clip");
    if (states("crop")) throw std::runtime_error("the model sees cut-out hands, this program cannot find them");
    if (info(model, "normalization") != "embedded") throw std::runtime_error("the model expects normalised frames");
}

// Fill the clip (1, frames, side, side, 3) with the pixels of the file.
static void read_clip(const std::string& path, int width, int height, const std::string& resize, ov::Tensor& clip) {
    const size_t num_frames = clip.get_shape()[1], side = clip.get_shape()[2];
    const bool is_ready = width == 0;
    if (is_ready) width = height = static_cast<int>(side);
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const size_t frame_size = static_cast<size_t>(width) * height * 3;
    if (bytes.size() != num_frames * frame_size) {
        throw std::runtime_error(path + " has " + std::to_string(bytes.size()) + " bytes, the model takes " +
                                 std::to_string(num_frames * frame_size) + ": " + std::to_string(num_frames) + " frames of " +
                                 std::to_string(width) + "x" + std::to_string(height));
    }

    // The same sizes before and after leave frames as they are.
    int short_side = static_cast<int>(side), crop_size = short_side;
    if (!is_ready && std::sscanf(resize.c_str(), "{\"short_side\": %d, \"crop_size\": %d}", &short_side, &crop_size) != 2) {
        throw std::runtime_error("the model fits the whole frame in, this program does not");
    }
    const uint8_t* frames = reinterpret_cast<const uint8_t*>(bytes.data());
    uint8_t* out = clip.data<uint8_t>();
    for (size_t i = 0; i < num_frames; ++i) {
        centre_crop(frames + i * frame_size, height, width, short_side, crop_size, out + i * side * side * 3);
    }
}

static int run(const std::string& model_path, const std::string& frames_path, int width, int height, const char* pixels_path) {
    ov::Core core;
    auto model = core.read_model(model_path);
    refuse_other_models(model);
    std::istringstream names(info(model, "labels"));
    const std::vector<std::string> labels{std::istream_iterator<std::string>(names), {}};
    const double scale = std::stod(info(model, "score_scale")) / std::stod(info(model, "temperature"));
    const bool is_bgr = info(model, "color_order") == "BGR";
    const std::string resize = info(model, "resize");

    ov::preprocess::PrePostProcessor steps(model);  // bytes (1, frames, height, width, 3) instead of floats (1, 3, frames, height, width)
    steps.input().tensor().set_element_type(ov::element::u8).set_layout("NDHWC");
    steps.input().model().set_layout("NCDHW");
    if (is_bgr) steps.input().preprocess().reverse_channels();
    model = steps.build();
    auto request = core.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32)).create_infer_request();

    ov::Tensor clip = request.get_input_tensor();
    read_clip(frames_path, width, height, resize, clip);
    if (pixels_path) std::ofstream(pixels_path, std::ios::binary).write(static_cast<const char*>(clip.data()), clip.get_byte_size());
    request.infer();

    const float* cosine = request.get_output_tensor().data<float>();
    const size_t best = std::max_element(cosine, cosine + labels.size()) - cosine;
    double sum = 0.0;
    for (size_t i = 0; i < labels.size(); ++i) sum += std::exp(scale * (cosine[i] - cosine[best]));
    std::cout << labels[best] << " " << 1.0 / sum << std::endl;
    return 0;
}

int main(int argc, char** argv) try {
    int width = 0, height = 0;
    char rest = 0;
    const bool has_size = argc > 3 && std::sscanf(argv[3], "%dx%d%c", &width, &height, &rest) == 2;
    const bool is_known = argc == 3 || (has_size && argc < 6 && std::min(width, height) > 0 && std::max(width, height) <= 16384);
    if (is_known) return run(argv[1], argv[2], width, height, argc == 5 ? argv[4] : nullptr);
    std::cerr << "usage: recognise_gesture MODEL.xml FRAMES.rgb [WIDTHxHEIGHT [PIXELS.rgb]]" << std::endl;
    return 2;
} catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << std::endl;
    return 2;
}
