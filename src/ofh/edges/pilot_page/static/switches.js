// The three switches of what is uploaded by itself. They are Pilot's own; what is kept here is for the next time that the
// module is loaded.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const view = OFH.view;
  const kept = OFH.state.kept;
  const keep = OFH.state.keep;
  const call = OFH.bridge.call;

  function chosen() {
    return {
      autoUploadPhoto: kept("photos") !== "no",
      autoUploadPhotoType: kept("previews") === "yes" ? 1 : 0,
      autoUploadVideo: kept("videos") === "yes"
    };
  }

  function show(found) {
    view.at("switch-photos").checked = found.autoUploadPhoto;
    view.at("switch-previews").checked = found.autoUploadPhotoType === 1;
    view.at("switch-videos").checked = found.autoUploadVideo;
    view.at("switch-previews").disabled = !found.autoUploadPhoto;
  }

  // What Pilot itself has, where the module runs already.
  function read() {
    const found = chosen();
    const photo = call("mediaGetAutoUploadPhoto");
    const type = call("mediaGetUploadPhotoType");
    const video = call("mediaGetAutoUploadVideo");
    if (typeof photo.value === "boolean") found.autoUploadPhoto = photo.value;
    if (type.ok && type.value !== null) found.autoUploadPhotoType = Number(type.value) === 1 ? 1 : 0;
    if (typeof video.value === "boolean") found.autoUploadVideo = video.value;
    show(found);
  }

  function pressed(name, stored, method, value) {
    keep(name, stored);
    if (OFH.bridge.isThere() && OFH.modules.isLoaded("media")) {
      const got = call(method, value);
      if (!got.ok) {
        view.failed("media", OFH.bridge.explain(got));
        readBack();
        return;
      }
      view.step("media", "ok", "Loaded");
    }
    show(chosen());
  }

  // A switch that Pilot refused shows what holds.
  function readBack() {
    const photo = call("mediaGetAutoUploadPhoto");
    const video = call("mediaGetAutoUploadVideo");
    keep("photos", photo.value === false ? "no" : "yes");
    keep("videos", video.value === true ? "yes" : "no");
    show(chosen());
  }

  function wire() {
    view.at("switch-photos").addEventListener("change", function (event) {
      pressed("photos", event.target.checked ? "yes" : "no", "mediaSetAutoUploadPhoto", event.target.checked);
    });
    view.at("switch-previews").addEventListener("change", function (event) {
      pressed("previews", event.target.checked ? "yes" : "no", "mediaSetUploadPhotoType", event.target.checked ? 1 : 0);
    });
    view.at("switch-videos").addEventListener("change", function (event) {
      pressed("videos", event.target.checked ? "yes" : "no", "mediaSetAutoUploadVideo", event.target.checked);
    });
  }

  OFH.switches = { chosen: chosen, read: read, show: show, wire: wire };
})();
