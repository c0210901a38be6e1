// A tool that never gives the processor back.
export function getWeather() {
  for (;;);
}
