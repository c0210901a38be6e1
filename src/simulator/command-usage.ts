// What the `simulate` command takes. A file of its own, so that help loads no simulator.

export const SIMULATE_USAGE = `simulate [options]   a local Azure OpenAI Realtime, Voice Live (/voice-live/realtime) or OpenAI; prints where it listens

who may come      --port N --listen HOST (beyond this machine only if you say so)   --tls-cert FILE --tls-key FILE
                  --api-key K   --deployment NAME...   --transcription-deployment NAME...   --style azure|openai
                  --webrtc-port N (UDP, of all calls)
what it is        --model NAME (gpt-realtime-2.1 has phases and remarks)   --drift-to-text   --no-obfuscation
                  --rate-limits none|tokens|requests|both|floats   --tokens-per-minute N
what it says      --script FILE (YAML or JSON)   --script-schema prints the schema for editors
what it hears     --heard TEXT   and how it speaks   --voice tones|espeak
time              --speed N   --latency MS --jitter MS   --seed N
how to record it  --upstream URL --record FILE stands before a real upstream and writes a script of what it says
                  --record-events FILE and every event with its time, for realtime-relay replay
how you see it    --control PORT (sessions, events, faults, scripts, and a page)   --control-listen HOST
how it fails      --dials-per-minute N   --session-seconds N   --session-end error-close|close-error|error|close|server-error
                  --faults JSON (src/simulator/README.md lists them)
                  --verbose`
