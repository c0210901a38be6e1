// A tool that spins without end.
export function getWeather() {
  for (;;);
}
