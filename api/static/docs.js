"use strict";
window.ui = SwaggerUIBundle({
  url: "/api/docs/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
});
