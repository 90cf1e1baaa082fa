// A log-in that a limit refused: the browser solves a challenge while the password is typed again.
import {solve} from '../work.js'

const field = document.querySelector('[data-challenge]'), {form} = field

// Without a solution, the sentence with the time to wait stands.
const solved = solve(JSON.parse(field.dataset.challenge)).then(solution => {
  field.value = solution
  document.getElementById('proven').hidden = false
}).catch(console.warn)

form.addEventListener('submit', async event => {
  if (field.value) return
  event.preventDefault()
  form.ariaBusy = true
  await solved
  form.submit()
})
