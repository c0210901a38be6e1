// A second of Opus that every answer is played from, since nothing here can encode: five tones in fifty frames of 20 ms.

/**
 * Made once with libopus 1.3.1 from five tones of a tenth of a second and more, with pauses between: mono, 48 kHz, application VoIP, constant 16 kbit/s,
 * prediction off, so that each frame is 40 bytes, can be decoded by itself, and the fiftieth may be followed by the first.
 */
const FRAMES = Buffer.from(
  [
    'eIA98wwS/a6YkB4jPEMeAggVNCaoVu/07dMCwLVXKS4VBmsjzyGWnHivm38PkpHorKOz5r2Erfk2DWzLNa5DfoIN5xGjsd+002CucRGq8/h4o0qQOYf00/cTheVnqKaZ174DKYMxJ0phToAzsGktX46JcLKP3RSd',
    'eJ1o+XogF1ZrXpaCXaLo8oCHy33gDvP8bdZwWQCphTjLrcqIi5le3niboxJXc36KQq/YWlXUgObu68bjpyaCw21r/PWvaGLjfiwcFyzXpl54m8b7gYtNISgGlpdMUS5SgnhLQaMDMGqjvpRbGuXnDluLWCUO6SzT',
    'eJqHuzhDDmpV+Yj6janMNG8l02si07WxKDuK+8yvDMvsq4T9UhW78XgdaQI3UyFuQIFW/IJbJrd+6yG2qGFVsEfvyVtCbkf+9pK1o0cHDS14Bu8Ze2ADF1UFOyX0tVo5Ji7Fmu9FdoEWi9eEiru5SISb2w1kfeEQ',
    'S0EeBuN5yMlXwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEiASn98WKqlhX53M0Vmahz+e2IKj3WYiGIVtbYBiOlV5sN1nzM14O5LAaC50CIngrymlQX3iZiTtwQSa2uvcodnK9o9TIE0pLiReh+TGj/A',
    'S0ECnuYWBDPXlnbIfzcVFqCwv2XkA5GTzhtyKD5DgYrVK/MiezgAAEtBAJ/DmmQjrQv+RVx7YE3JefEhfH3SBHoT8mLlqvT6FHtfve73dGpLAZ8YPnPlVLMBmyzSumbDg3chUPFA7L9ZlHVRwwssBTrFoewwAE1w',
    'SwGePsI5YLqNm8csidYZN6OnNm++Do4/wQ/mxJq9lzCd4IqKeHofQEib8TRXgizKmpy2i7/VBHQ/1PDIaqscoDnCxOR0xIVllfIsqyuiZdxLQQKAcgAUBJe1pnRIyumQRpLx3LweuI/qOGZWm/+fZtu/F3RJgAAA',
    'S0ESBu8ZeQHeqAByjBCLTgrBAmmRQgAAAAAAAAAAAAAAAAAAAAAAAEtBHQbjcifhROpQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABLQQCYv4zvvF0JHBl/RBe5AnltAgPoW5jYm1Nsih6dznWHrYCTv4Tt',
    'S0EAnjMRQRb/aOyeeYxdHaQZW2tlqfyPd3+DSMGC+1EAj/NLtNPc3EicpXIiufxv0phTvA8nxZfd+9gW8yCYyNaeRW/Xc65anRLXCx39hBJLAafvYKjr6KSorKhCmpL7Y4dzelkG8tVYBaWGkPEPTkT5mYSEyT6A',
    'SwGh98GKHOtKizyATf2AC6WDtcliZ5g9Dr1SYiKbotaP1OuEnFSFwEtBAJt5HAn22sHKZbpVdCljTm3ZJBGbjb63SRe3Z4ywwxK3ilLTlSNLQQCce1A5vmKITnAsj8VD8K4zJ3t5VuEgwJQIiGYDPZ2eay6yu+po',
    'SIC1gBQhWgJq8T2BkEXTOd3qH+4/R9jSSOUahytHo8FxCWILAk/9IEtBEghbLEndOY/QPsihycWKHjxW49AAAAAAAAAAAAAAAAAAAAAAAABLQR4G43nIyVfAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'SIBKWZkHr2YCfHHB/TZ6HM0Eo1Q1EB6dib1c9IQ+cGpfTYH4C5iJxEigwUj40nvWdi1OCWs/t7O2jZwaRiETjjudW6l4uHf3PY4hfgNRH6hLAZ1o5bOSnIFXN+88XteoEmfidiYQIziHN+VwvDmaXJltU988aZDA',
    'SJ//i2QCuL3GMvFKEubb7trltDq2x1TH7j0rKEIHGRZ4GYeNZnkdVktBAp/DkyBrkatsA2ZYFs1WuTwuqFwUJ92GSuj1qZ/KuLXStiBoAABInuShc+wjmrtuwS7P6/bRNJ7hZCCCH9aAM5guhiLUrCUdpQ4JaALE',
    'S0EAm+WBJNW+P9hYbY8+eoGwrKzhZiz79nUC3IfgIeTHZ6Q2IA0x/EtBAobpkBu6Zy2ZbDfvKm2YRntOKMBW/dpHEcwCYGHhp68o3YMeAABLQRUG7xl6FRPbRw3rCvV/gTVgAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'S0EeBuN5yMlXwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEiZBKeROBJbu2GydejcO9Z6gSmqKCGoU1ZfCvzcvpEsRcU/V3OLiGBIn2pXDvxLjTLBLXDtEJN0TAZQeltllA+CuChFJb8wjCrIFZCiR6Zc',
    'S0ECmrKRdWl/pfmhMF7vgjwMYLIbhhRYryVOqXTJUFTDRuvIASIAAEtBApqykXVpf6X4fAJ1GIFmL1rWDRKz2N6PnTg4BUhZRMkf0muwAABLQQKaspF1aX+mRweyH3iRb0rOWTXNhMyExGVX/j2Me4t85zMm2AAA',
    'SwGap3P8A+Tcak6k/8e5pClVJOaln/gEa8e0SA9FDbBiSMtD5oAN0EsBmhAlf1wn5OTO4nJ7vqqY2vmmV6lK++Xf99eNeHLPnQc21oXgSwxLQQKAcgAUIX5IK1SG1VpqcVtVIil7/Q03OP6Fhzginpn819bamgAA',
    'S0ESBu8Ze149Ci+TFoo5c0hgB12+YQAAAAAAAAAAAAAAAAAAAAAAAEtBHgbjecjJV8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  ].join(''),
  'base64',
)
const FRAME_BYTES = 40
const COUNT = FRAMES.length / FRAME_BYTES

/** The frame of that number, from 0 on and around. */
export function toneFrame(number: number): Buffer {
  const at = (number % COUNT) * FRAME_BYTES
  return FRAMES.subarray(at, at + FRAME_BYTES)
}
