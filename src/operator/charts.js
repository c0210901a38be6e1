// The plots: calls with what went wrong, and what was left of a limit. Colours come from the style sheet, so that dark and light both work.
import uPlot from './uplot.js'

const HEIGHT = 150
const SMALL = 56
const drawn = new Set()

/** The browser's colour of a plot's lines and axes. */
function coloursOf(box) {
  const { color, borderTopColor, outlineColor } = getComputedStyle(box)
  return { line: color, grid: borderTopColor, other: outlineColor }
}

function axis(colours, more = {}) {
  return { stroke: colours.grid, grid: { show: false }, ticks: { show: false }, font: '12px system-ui', ...more }
}

/** A plot that fills its box, and is made anew if the box's width or the colours change. `data`: as uPlot takes it. */
function createChart(box, height, optionsOf) {
  let plot
  let data
  const chart = {
    show(next) {
      data = next
      if (plot) plot.setData(data)
      else chart.draw()
    },
    draw() {
      plot?.destroy()
      plot = undefined
      if (!data || box.clientWidth === 0) return
      plot = new uPlot({ width: box.clientWidth, height, cursor: { show: false }, legend: { show: false }, ...optionsOf(coloursOf(box)) }, data, box)
    },
    end() {
      plot?.destroy()
      drawn.delete(chart)
      sizes.disconnect()
    },
  }
  let width = box.clientWidth
  const sizes = new ResizeObserver(() => {
    if (!box.isConnected) return chart.end()
    if (box.clientWidth === width) return
    width = box.clientWidth
    chart.draw()
  })
  sizes.observe(box)
  drawn.add(chart)
  return chart
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const chart of drawn) chart.draw()
})

export function createCallsChart(box) {
  return createChart(box, HEIGHT, (colours) => ({
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(5, high * 1.1)] }, problems: { range: (_plot, _low, high) => [0, Math.max(5, high * 2)] } },
    axes: [
      axis(colours, { values: (_plot, times) => times.map((time) => new Date(time * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })) }),
      axis(colours, { size: 44 }),
    ],
    series: [
      {},
      { stroke: colours.line, width: 2, points: { show: false } },
      { scale: 'problems', stroke: colours.other, fill: colours.other, width: 0, paths: uPlot.paths.bars({ size: [0.8, 8] }), points: { show: false } },
    ],
  }))
}

export function createLimitChart(box) {
  return createChart(box, SMALL, (colours) => ({
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.05)] } },
    axes: [axis(colours, { show: false }), axis(colours, { show: false })],
    padding: [4, 4, 4, 4],
    series: [{}, { stroke: colours.line, width: 2, points: { show: false } }],
  }))
}
