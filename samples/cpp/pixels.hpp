// The pixels that a network sees, as the predictor makes them, to the last bit.
// Source: the 8-bit INTER_LINEAR of OpenCV, and centre_crop_clip in action_recognition/data/transforms.py.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

// Two neighbouring pixels along one side, and their weights in 1/2048.
struct Neighbours {
    int first, second, weight_first, weight_second;
};

// Return what the pixel at `place` of a side of `new_side` pixels is made of.
inline Neighbours neighbours(int place, int old_side, int new_side) {
    const double scale = 1.0 / (static_cast<double>(new_side) / old_side);
    const float centre = static_cast<float>((place + 0.5) * scale - 0.5);
    const int first = static_cast<int>(std::floor(centre));
    const float share = centre - static_cast<float>(first);
    return {std::clamp(first, 0, old_side - 1), std::clamp(first + 1, 0, old_side - 1),
            static_cast<int>(std::lrint((1.0f - share) * 2048.0f)), static_cast<int>(std::lrint(share * 2048.0f))};
}

// Mix two sums of a row. OpenCV drops these bits, too.
inline uint8_t mixed(int upper, int lower, const Neighbours& rows) {
    return static_cast<uint8_t>((((rows.weight_first * (upper >> 4)) >> 16) + ((rows.weight_second * (lower >> 4)) >> 16) + 2) >> 2);
}

// Scale the short side of an RGB frame to `short_side`, cut the middle square of `crop_size`, and write it to `out`.
// Where the square is larger than the scaled frame, the pixels at its edges are repeated.
inline void centre_crop(const uint8_t* frame, int height, int width, int short_side, int crop_size, uint8_t* out) {
    const double factor = static_cast<double>(short_side) / std::min(height, width);
    const int new_height = static_cast<int>(height * factor + 0.5), new_width = static_cast<int>(width * factor + 0.5);
    const int top = static_cast<int>(std::floor((new_height - crop_size) / 2.0));
    const int left = static_cast<int>(std::floor((new_width - crop_size) / 2.0));

    for (int y = 0; y < crop_size; ++y) {
        const Neighbours rows = neighbours(std::clamp(top + y, 0, new_height - 1), height, new_height);
        const uint8_t* upper = frame + static_cast<size_t>(rows.first) * width * 3;
        const uint8_t* lower = frame + static_cast<size_t>(rows.second) * width * 3;
        for (int x = 0; x < crop_size; ++x) {
            const Neighbours columns = neighbours(std::clamp(left + x, 0, new_width - 1), width, new_width);
            for (int channel = 0; channel < 3; ++channel) {
                const int first = columns.first * 3 + channel, second = columns.second * 3 + channel;
                *out++ = mixed(upper[first] * columns.weight_first + upper[second] * columns.weight_second,
                               lower[first] * columns.weight_first + lower[second] * columns.weight_second, rows);
            }
        }
    }
}
