// The demo's tools in the JSON form of `TOOLS`: one of each kind that needs nothing installed.

/** `toolServerUrl` comes from `startDemoToolServer`. `ordersModulePath` is the compiled `orders.js`, absolute or relative to the working folder. */
export function demoTools(toolServerUrl: string, ordersModulePath: string): unknown[] {
  const city = { type: 'object', properties: { city: { type: 'string', description: 'Name of the city, such as Lisbon', minLength: 1, maxLength: 100 } }, required: ['city'] }
  return [
    {
      type: 'function',
      name: 'get_weather',
      description: 'Tells the weather and the temperature in a city.',
      parameters: city,
      run: { http: { method: 'POST', url: `${toolServerUrl}/weather`, timeoutMs: 5000 } },
    },
    {
      type: 'function',
      name: 'get_time',
      description: 'Tells what time it is in a city.',
      parameters: city,
      run: { http: { method: 'GET', url: `${toolServerUrl}/time?city={city}`, timeoutMs: 5000 } },
    },
    {
      type: 'function',
      name: 'lookup_order',
      description: 'Looks up the state of an order by its number.',
      parameters: {
        type: 'object',
        properties: { order_id: { type: 'string', description: 'The order number, digits only', minLength: 1, maxLength: 40 } },
        required: ['order_id'],
      },
      run: { module: `${ordersModulePath}#lookupOrder` },
    },
    {
      type: 'function',
      name: 'show_on_screen',
      description: 'Shows a text on the screen of the user.',
      parameters: { type: 'object', properties: { text: { type: 'string', description: 'The text to show', minLength: 1, maxLength: 500 } }, required: ['text'] },
      run: 'client',
    },
  ]
}
