// What the `simulate` command takes. A file of its own, so that help loads no simulator.

export const SIMULATE_USAGE = `simulate [--port N] [--host H] [--api-key K] [--deployment NAME]... [--style azure|openai]
         [--rate-limits none|tokens|requests|both|floats] [--session-seconds N] [--speed N] [--heard TEXT] [--voice tones|espeak] [--verbose]`
