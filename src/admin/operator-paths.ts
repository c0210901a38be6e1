// Where the operators' page and its files are on the admin port.

/** The page's own files. Their paths are relative to the page, so that it works behind a prefix as well. */
export const OPERATOR_FILES = ['operator.css', 'operator.js', 'actions.js', 'charts.js', 'dom.js', 'sessions.js', 'stream.js', 'views.js', 'words.js'] as const

export const OPERATOR_PATHS: readonly string[] = ['/', ...OPERATOR_FILES.map((name) => `/operator/${name}`), '/operator/uplot.js', '/operator/uplot.css']
