// Colours from those of the page, so that all text has a contrast of 4.5 : 1 (WCAG 2.2, 1.4.3) wherever the widget
// stands. Colours are [red, green, blue] from 0 to 1; those
// of the page have the opacity as a fourth.
const BLACK = [0, 0, 0], WHITE = [1, 1, 1], LIGHT = 'light', DARK = 'dark'
const LEAST = 5, EDGE = 3.1 // for text, and for the outline of a field; a little more than the standard asks
const STRONG = 6.5 // of black or white on the ground: less leaves no room for greys and colours
const GROUND = {light: WHITE, dark: [.082, .098, .114]}
const TEXT = {light: [.114, .137, .161], dark: [.902, .914, .925]}
const ACCENT = {light: [.11, .365, .549], dark: [.549, .769, .918]}
const BAD = {light: [.659, .125, .051], dark: [1, .616, .549]}

const mix = (from, to, part) => from.map((value, index) => value + (to[index] - value) * part)
const linear = value => value > .04 ? ((value + .055) / 1.055) ** 2.4 : value / 12.92
const luminance = ([red, green, blue]) => .2126 * linear(red) + .7152 * linear(green) + .0722 * linear(blue)
const contrast = (one, other) => {
  const ratio = (luminance(one) + .05) / (luminance(other) + .05)
  return Math.max(ratio, 1 / ratio)
}
const opposite = ground => contrast(ground, BLACK) > contrast(ground, WHITE) ? BLACK : WHITE

// Moves a colour towards black or white until it can be read on the ground.
const readable = (color, ground, least = LEAST) => {
  for (let part = 0; part < 1; part += .04) {
    const moved = mix(color, opposite(ground), part)
    if (contrast(moved, ground) >= least) return moved
  }
  return opposite(ground)
}

// All colours of the widget on a ground. A mid-tone is replaced by a lighter or darker one like it.
const palette = (page, ink) => {
  const darker = contrast(ink, page) < 2 ? opposite(page) == BLACK : luminance(ink) < luminance(page)
  const [theme, pole, far] = darker ? [LIGHT, BLACK, WHITE] : [DARK, WHITE, BLACK]
  let ground = page
  while (contrast(ground, pole) < STRONG) ground = mix(ground, far, .05)
  const accent = readable(ACCENT[theme], mix(ground, ACCENT[theme], .1)), soft = mix(ground, accent, .1)
  const text = readable(ink, mix(ground, pole, .1))
  return {
    theme, ground, text, accent,
    muted: readable(mix(text, ground, .4), soft),
    bad: readable(BAD[theme], mix(ground, pole, .1)),
    edge: readable(mix(text, ground, .5), ground, EDGE),
    line: mix(text, ground, .84),
    'on-accent': opposite(accent),
    surface: mix(ground, far, .5),
  }
}

// The element and all around it, also outside of a shadow root.
const around = function* (element) {
  for (let at = element; at; at = at.assignedSlot ?? at.parentElement ?? at.getRootNode().host) yield at
}

// What the page paints behind an element and on it. Behind a picture we cannot look: then light text tells a dark page.
const pageColors = (element, read) => {
  const layers = [], style = getComputedStyle(element)
  let ground = read('canvas')
  for (const at of around(element)) {
    const {backgroundColor, backgroundImage} = getComputedStyle(at), color = read(backgroundColor)
    layers.unshift(color)
    if (color[3] == 1) break
    if (backgroundImage != 'none') {
      ground = luminance(read(style.color)) > .3 ? GROUND.dark : WHITE
      break
    }
  }
  const over = (below, color) => mix(below, color, color[3])
  ground = layers.reduce(over, ground.slice(0, 3))
  return [ground, over(ground, read(style.color))]
}

// The browser converts any colour of CSS, oklch() and the like; the probe is an element that is never visible.
const reader = probe => color => {
  probe.style.backgroundColor = `color-mix(in srgb,${color},${color})`
  const numbers = getComputedStyle(probe).backgroundColor.match(/-?[\d.]+(e-?\d+)?/g)
  const [red, green, blue, alpha = 1] = numbers.map(value => Math.min(Math.max(value, 0), 1))
  return [red, green, blue, alpha]
}

const paint = (box, element, probe, wanted) => {
  const [page, ink] = pageColors(element, reader(probe))
  let found = palette(page, ink)
  const other = GROUND[wanted] && found.theme != wanted
  if (other) found = palette(GROUND[wanted], TEXT[wanted])
  for (const name in found) if (name != 'theme') {
    box.style.setProperty('--page-' + name, `rgb(${found[name].map(value => Math.round(value * 255))})`)
  }
  box.dataset.theme = found.theme
  // Where the reader's theme differs from the page's, or the page is a mid-tone, we bring our own ground.
  box.toggleAttribute('data-ground', other || found.ground != page)
  box.dir = getComputedStyle(element).direction
}
