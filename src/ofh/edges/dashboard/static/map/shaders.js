// @ts-check
/** What runs on the graphics card. Each instance is a symbol, a label or a piece of a trail, and moves by itself between two fixes. */

/**
 * Shared by all: from mercator to the screen. A mercator number comes as a coarse and a fine part, since one float of the
 * card holds metres, not millimetres, of the way round the globe; the difference of coarse parts is exact.
 */
const COMMON = `#version 300 es
precision highp float;
uniform vec4 u_centre;   // the screen's middle: coarse x, y, fine x, y
uniform vec4 u_screen;   // where the middle is, and how large the screen is: CSS pixels
uniform vec3 u_world;    // pixels of a whole round; cosine and sine of the bearing
uniform float u_round;   // which round of the globe
uniform float u_time;    // seconds of the page's clock since the layer's epoch

vec2 away(vec4 place) {
  vec2 coarse = place.xy - u_centre.xy;
  coarse.x -= floor(coarse.x + 0.5);
  return coarse + (place.zw - u_centre.zw);
}
float part(vec2 span) {
  return span.y > span.x ? clamp((u_time - span.x) / (span.y - span.x), 0.0, 1.0) : 1.0;
}
vec2 along(vec4 from, vec4 to, float gone) {
  vec2 first = away(from), last = away(to);
  last.x -= floor(last.x - first.x + 0.5);
  return mix(first, last, gone);
}
vec2 pixel(vec2 place) {
  vec2 flat_ = (place + vec2(u_round, 0.0)) * u_world.x;
  return u_screen.xy + vec2(flat_.x * u_world.y + flat_.y * u_world.z, flat_.y * u_world.y - flat_.x * u_world.z);
}
vec4 clip(vec2 at) {
  return vec4(at.x / u_screen.z * 2.0 - 1.0, 1.0 - at.y / u_screen.w * 2.0, 0.0, 1.0);
}
`;

/** Half the side of a symbol's square at full size, CSS pixels: with marks, with its charge alone, and with neither. */
const [RINGED_PX, CHARGED_PX, BARE_PX] = [26, 19, 16];

export const SYMBOL = {
  vertex: `${COMMON}
uniform vec2 u_turned;   // the bearing in radians; how large symbols are
in vec2 a_corner;
in vec4 a_from;
in vec4 a_to;
in vec4 a_times;         // since, until, grey from, charge 0 to 1 (below 0: no ring)
in vec4 a_look;          // direction from, to (degrees; 1000 and more: upright), cell, marks
out vec2 v_at;
out vec2 v_facing;
flat out vec4 v_what;    // cell, charge, marks, grey
void main() {
  float gone = part(a_times.xy);
  v_at = a_corner * (a_look.w > 0.0 ? ${RINGED_PX}.0 : a_times.w >= 0.0 ? ${CHARGED_PX}.0 : ${BARE_PX}.0);
  float facing = a_look.x >= 1000.0 ? 0.0 : radians(mix(a_look.x, a_look.y, gone)) - u_turned.x;
  v_facing = vec2(cos(facing), sin(facing));
  v_what = vec4(a_look.z, a_times.w, a_look.w, smoothstep(0.0, 1.0, u_time - a_times.z));
  gl_Position = clip(pixel(along(a_from, a_to, gone)) + v_at * u_turned.y);
}`,
  fragment: (/** @type {number} */ cells, /** @type {number} */ cellPx) => `#version 300 es
precision highp float;
uniform sampler2D u_symbols;
uniform vec3 u_good, u_low, u_empty, u_faint, u_alert, u_selected, u_rim, u_stale;
uniform float u_soft;    // CSS pixels of a pixel, at the symbol's size
in vec2 v_at;
in vec2 v_facing;
flat in vec4 v_what;
out vec4 o_colour;
vec4 over(vec4 below, vec3 colour, float strength) {
  return vec4(colour * strength, strength) + below * (1.0 - strength);
}
float ring(float radius, float middle, float wide) {
  return 1.0 - smoothstep(wide - u_soft * 0.5, wide + u_soft * 0.5, abs(radius - middle));
}
void main() {
  float radius = length(v_at), charge = v_what.y, marks = v_what.z;
  bool alerted = mod(marks, 2.0) >= 1.0, chosen = mod(marks, 4.0) >= 2.0, hovered = mod(marks, 8.0) >= 4.0;
  vec4 drawn = vec4(0.0);
  if (charge >= 0.0) {
    float turn = atan(v_at.x, -v_at.y) / 6.2831853;
    turn = turn < 0.0 ? turn + 1.0 : turn;
    vec3 colour = charge <= 0.15 ? u_empty : charge <= 0.3 ? u_low : u_good;
    drawn = over(drawn, u_rim, ring(radius, 15.5, 2.6) * 0.8);
    float edge = u_soft / (6.2831853 * 15.5);
    float full = charge >= 0.995 ? 1.0 : 1.0 - smoothstep(charge - edge, charge + edge, turn);
    drawn = over(drawn, mix(u_faint, colour, full), ring(radius, 15.5, 1.4));
  }
  if (alerted) { drawn = over(drawn, u_rim, ring(radius, 20.0, 2.4)); drawn = over(drawn, u_alert, ring(radius, 20.0, 1.5)); }
  if (chosen) { drawn = over(drawn, u_rim, ring(radius, 24.0, 1.9)); drawn = over(drawn, u_selected, ring(radius, 24.0, 1.1)); }
  else if (hovered) drawn = over(drawn, u_selected, ring(radius, 24.0, 0.7) * 0.7);
  vec2 own = vec2(v_at.x * v_facing.x + v_at.y * v_facing.y, v_at.y * v_facing.x - v_at.x * v_facing.y) / ${cellPx}.0 + 0.5;
  if (own == clamp(own, 0.0, 1.0)) {
    vec4 symbol = texture(u_symbols, vec2((v_what.x + own.x) / ${cells}.0, own.y));
    drawn = symbol + drawn * (1.0 - symbol.a);
  }
  float light = dot(drawn.rgb, vec3(0.3, 0.59, 0.11));
  vec3 grey = mix(vec3(light), u_stale * drawn.a, 0.5);
  drawn = mix(drawn, vec4(grey, drawn.a) * 0.8, v_what.w * (alerted || chosen ? 0.6 : 1.0));
  if (drawn.a < 0.004) discard;
  o_colour = drawn;
}`,
};

export const LABEL = {
  vertex: `${COMMON}
in vec2 a_corner;
in vec4 a_from;
in vec4 a_to;
in vec4 a_times;         // since, until, -, -
in vec4 a_box;           // CSS pixels from the symbol's middle: left, top, width, height
in vec4 a_cut;           // of the texture: left, top, width, height
uniform float u_ratio;   // pixels to one of CSS
out vec2 v_cut;
void main() {
  vec2 middle = pixel(along(a_from, a_to, part(a_times.xy)));
  vec2 corner = a_corner * 0.5 + 0.5;
  v_cut = a_cut.xy + corner * a_cut.zw;
  vec2 left = floor((middle + a_box.xy) * u_ratio + 0.5) / u_ratio;   // on whole pixels, else text is blurred
  gl_Position = clip(left + corner * a_box.zw);
}`,
  fragment: `#version 300 es
precision highp float;
uniform sampler2D u_texts;
in vec2 v_cut;
out vec4 o_colour;
void main() { o_colour = texture(u_texts, v_cut); }`,
};

export const TRAIL = {
  vertex: `${COMMON}
in vec2 a_corner;
in vec4 a_from;
in vec4 a_to;
in vec4 a_times;         // since, until (of a piece that is still being flown), how strong, how wide
out float v_across;
out float v_strong;
flat out float v_half;
void main() {
  vec2 first = pixel(away(a_from)), last = pixel(along(a_from, a_to, part(a_times.xy)));
  vec2 way = last - first;
  float far = length(way);
  vec2 ahead = far > 0.001 ? way / far : vec2(1.0, 0.0);
  float half_ = a_times.w * 0.5, reach = half_ + 1.0;
  float over_ = a_times.z < 1.0 ? 0.0 : half_ * 0.5;   // pieces of a clear line meet edge to edge: overlaps would be dots
  v_half = half_;
  v_across = a_corner.y * reach;
  v_strong = a_times.z;
  vec2 at = (a_corner.x < 0.0 ? first - ahead * over_ : last + ahead * over_) + vec2(-ahead.y, ahead.x) * v_across;
  gl_Position = clip(at);
}`,
  fragment: `#version 300 es
precision highp float;
uniform vec3 u_trail;
in float v_across;
in float v_strong;
flat in float v_half;
out vec4 o_colour;
void main() {
  float strength = (1.0 - smoothstep(v_half - 0.5, v_half + 0.5, abs(v_across))) * v_strong;
  o_colour = vec4(u_trail * strength, strength);
}`,
};
