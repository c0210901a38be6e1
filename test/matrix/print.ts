// Prints the matrix as Markdown: npm run matrix
import { matrixMarkdown } from './matrix.js'

console.log(matrixMarkdown())
