// The tick beside the house rules. Its versions are remembered with the reader's name, since sections may have their own.
const MOST_ACCEPTED = 20

const tick = ({elements: {accepted}}, versions) => {
  if (accepted) accepted.checked = versions.includes(accepted.value)
}

const accept = ({elements: {accepted}}, before = []) =>
  accepted ? [...new Set([...before, accepted.value])].slice(-MOST_ACCEPTED) : before
