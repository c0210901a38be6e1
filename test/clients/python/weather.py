# The one function that every client brings, as the tests of TypeScript know it.
DESCRIPTION = "Tells the weather in a city."
WEATHER = {
    "name": "get_weather",
    "description": DESCRIPTION,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def weather_in(city):
    return f"sunny in {city}"
