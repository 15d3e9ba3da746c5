# Reference numbers for the linear models, from R: run in this folder as  Rscript lm.R > lm_r.json
# Reads the shipped synthetic cohort; prints coefficients, standard errors, limits and P of each model, and its
# diagnostics: leverage, standardized residuals, Cook's distance, VIF, the score test of constant variance on the
# fitted values (as Stata's estat hettest), and the band of the mean at the predictor's range.
suppressMessages({library(car); library(jsonlite)})
d <- read.csv("../../src/thaliron_napari/cohort/data/synthetic_cohort.csv")
d$thalamus_mm3 <- 1000 * d$thalamus_ml
d$gm_mm3 <- 1000 * d$gm_ml
# A column of text, and missing values, as a second hospital's table might have them.
d$site <- c("B", "A", "C")[(seq_len(nrow(d)) - 1) %% 3 + 1]
d$edss_gaps <- d$edss
d$edss_gaps[seq(5, 95, by = 9)] <- NA
covariates <- "age + sex + duration + dmt"
formulas <- c(
  "thalamus_mm3 ~ chi_ppb", paste("thalamus_mm3 ~ chi_ppb +", covariates),
  "gm_mm3 ~ chi_ppb", paste("gm_mm3 ~ chi_ppb +", covariates),
  "thickness_mm ~ chi_ppb", paste("thickness_mm ~ chi_ppb +", covariates),
  "log(lesion_ml) ~ chi_ppb", paste("log(lesion_ml) ~ chi_ppb +", covariates),
  "chi_ppb ~ enhancing", "chi_ppb ~ age", "chi_ppb ~ sex", "chi_ppb ~ dmt", "chi_ppb ~ duration",
  "chi_ppb ~ enhancing + age + sex + dmt + duration",
  "edss_gaps ~ chi_ppb + site + age")
one <- function(text) {
  m <- lm(as.formula(text), data = d)
  s <- summary(m)
  test <- ncvTest(m)
  list(
    formula = text, terms = names(coef(m)), estimate = unname(coef(m)), standard_error = unname(s$coefficients[, 2]),
    ci_low = unname(confint(m)[, 1]), ci_high = unname(confint(m)[, 2]), p = unname(s$coefficients[, 4]),
    n = nobs(m), residual_df = m$df.residual, r_squared = s$r.squared, residual_sd = s$sigma,
    leverage = unname(hatvalues(m)), standardized = unname(rstandard(m)), cooks = unname(cooks.distance(m)),
    vif = if (length(coef(m)) > 2 && !grepl("site", text)) unname(vif(m)) else list(),
    hettest_chi2 = test$ChiSquare, hettest_p = test$p)
}
band <- function(text, x) {
  m <- lm(as.formula(text), data = d)
  at <- predict(m, data.frame(chi_ppb = x), interval = "confidence")
  list(formula = text, x = x, fit = unname(at[, 1]), low = unname(at[, 2]), high = unname(at[, 3]))
}
cat(toJSON(list(
  source = paste("R", getRversion(), "with car", packageVersion("car"), "by lm.R beside this file"),
  models = lapply(formulas, one),
  band = band("thalamus_mm3 ~ chi_ppb", c(-61.5, -29, 6.4))), auto_unbox = TRUE, digits = 15))
cat("\n")
