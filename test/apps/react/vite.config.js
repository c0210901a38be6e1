// Vite with React. While you develop, it answers the routes of the sign-in itself; in production `server.js` does.
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { tokens } from './tokens.js'

const signIn = {
  name: 'sign-in',
  configureServer(server) {
    server.middlewares.use((request, response, next) => tokens(request, response, next).catch(next))
  },
}

export default defineConfig({ plugins: [react(), signIn], server: { port: 3000, strictPort: true } })
